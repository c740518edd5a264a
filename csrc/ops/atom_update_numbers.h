// SPDX-License-Identifier: GPL-2.0-or-later
//
// The numbers that a pass over a block works with, for one instruction set: a register of values, or (second
// derivatives of training) values with their derivatives along the tangent of messages and features. Each
// formula is written once, for both.
#pragma once

#include <type_traits>

#include "ops/atom_update_gates.h"
#include "ops/atom_update_kernels.h"

namespace hotpp::ops::HOTPP_ISA {

template <class Real>
struct Dual {
  Vec<Real> value, tangent;
};
template <class R>
HOTPP_INLINE Dual<R> operator+(Dual<R> a, Dual<R> b) {
  return {a.value + b.value, a.tangent + b.tangent};
}
template <class R>
HOTPP_INLINE Dual<R> operator-(Dual<R> a, Dual<R> b) {
  return {a.value - b.value, a.tangent - b.tangent};
}
template <class R>
HOTPP_INLINE Dual<R> operator*(Dual<R> a, Dual<R> b) {
  return {a.value * b.value, a.value * b.tangent + a.tangent * b.value};
}
template <class R>
HOTPP_INLINE Dual<R> operator*(Vec<R> a, Dual<R> b) {
  return {a * b.value, a * b.tangent};
}
template <class R>
HOTPP_INLINE Dual<R> operator*(R a, Dual<R> b) {
  return {a * b.value, a * b.tangent};
}
template <class R>
HOTPP_INLINE Dual<R>& operator+=(Dual<R>& a, Dual<R> b) {
  return a = a + b;
}

template <class N, class Real>
constexpr bool is_dual = std::is_same_v<N, Dual<Real>>;

/// What a pass with these numbers is for: the values, or the derivatives along the tangent.
template <class Real>
HOTPP_INLINE Vec<Real> result(Vec<Real> v) {
  return v;
}
template <class Real>
HOTPP_INLINE Vec<Real> result(Dual<Real> v) {
  return v.tangent;
}

// Planes of tangents lie `to_tangent` numbers behind those of values.
template <class N, class Real>
HOTPP_INLINE N get(const UpdateJob<Real>& job, const Real* p) {
  if constexpr (is_dual<N, Real>)
    return {load(p), load(p + job.to_tangent)};
  else
    return load(p);
}
template <class Real>
HOTPP_INLINE void put(const UpdateJob<Real>&, Real* p, Vec<Real> v) {
  store(p, v);
}
template <class Real>
HOTPP_INLINE void put(const UpdateJob<Real>& job, Real* p, Dual<Real> v) {
  store(p, v.value);
  store(p + job.to_tangent, v.tangent);
}

/// 1 - x, logistic(x), SiLU(x) and its slope.
template <class Real>
HOTPP_INLINE Vec<Real> complement(Vec<Real> x) {
  return Real(1) - x;
}
template <class Real>
HOTPP_INLINE Dual<Real> complement(Dual<Real> x) {
  return {Real(1) - x.value, -x.tangent};
}
template <class N, class Real>
HOTPP_INLINE N gate_of(N x) {
  if constexpr (is_dual<N, Real>) {
    const Vec<Real> g = logistic<Real>(x.value);
    return {g, x.tangent * g * (Real(1) - g)};
  } else {
    return logistic<Real>(x);
  }
}
template <class N, class Real>
struct Silu {
  N value, slope;

  explicit HOTPP_INLINE Silu(N x) {
    const N gate = gate_of<N, Real>(x);
    value = x * gate;
    slope = gate + value * complement<Real>(gate);
  }
};

}  // namespace hotpp::ops::HOTPP_ISA
