// SPDX-License-Identifier: GPL-2.0-or-later
//
// Numbers, vectors and symmetric tensors for tensor_message, on the host and on the device. A number N is a
// scalar, a few channels side by side, or the Dual of either.
#pragma once

#include <cmath>
#include <type_traits>
#include <utility>

#include "pme/host_device.h"

#if defined(__CUDACC__)
#define HOTPP_ALGEBRA HOTPP_HOST_DEVICE __forceinline__
#elif defined(__GNUC__)
#define HOTPP_ALGEBRA inline __attribute__((always_inline))
#else
#define HOTPP_ALGEBRA inline
#endif

namespace hotpp::ops {

// ------------------------------------------------------------------------------------------------- numbers

// A number and its derivative along one direction in the space of all inputs.
template <class R>
struct Dual {
  R value, tangent;
};

template <class N>
struct IsDual : std::false_type {};
template <class R>
struct IsDual<Dual<R>> : std::true_type {};
template <class A, class Result>
using IfPlain = std::enable_if_t<!IsDual<A>::value, Result>;

template <class A, class B>
using Product = decltype(std::declval<A>() * std::declval<B>());

template <class R>
HOTPP_ALGEBRA Dual<R> operator+(Dual<R> a, Dual<R> b) {
  return {a.value + b.value, a.tangent + b.tangent};
}
template <class R>
HOTPP_ALGEBRA Dual<R> operator+(R a, Dual<R> b) {
  return {a + b.value, b.tangent};
}
template <class R>
HOTPP_ALGEBRA Dual<R> operator-(Dual<R> a, Dual<R> b) {
  return {a.value - b.value, a.tangent - b.tangent};
}
template <class R>
HOTPP_ALGEBRA Dual<R> operator-(R a, Dual<R> b) {
  return {a - b.value, R(0) - b.tangent};
}
template <class R>
HOTPP_ALGEBRA Dual<R> operator-(Dual<R> a, R b) {
  return {a.value - b, a.tangent};
}
template <class A, class B>
HOTPP_ALGEBRA Dual<Product<A, B>> operator*(const Dual<A>& a, const Dual<B>& b) {
  return {a.value * b.value, a.value * b.tangent + a.tangent * b.value};
}
template <class A, class B>
HOTPP_ALGEBRA IfPlain<B, Dual<Product<A, B>>> operator*(const Dual<A>& a, const B& b) {
  return {a.value * b, a.tangent * b};
}
template <class A, class B>
HOTPP_ALGEBRA IfPlain<A, Dual<Product<A, B>>> operator*(const A& a, const Dual<B>& b) {
  return {a * b.value, a * b.tangent};
}

template <class Real>
HOTPP_ALGEBRA Real square_root(Real x) {
  return std::sqrt(x);
}
template <class Real>
HOTPP_ALGEBRA Dual<Real> square_root(Dual<Real> x) {
  const Real root = std::sqrt(x.value);
  return {root, x.tangent / (Real(2) * root)};
}
template <class Real>
HOTPP_ALGEBRA Real inverse(Real x) {
  return Real(1) / x;
}
template <class Real>
HOTPP_ALGEBRA Dual<Real> inverse(Dual<Real> x) {
  const Real y = Real(1) / x.value;
  return {y, -y * y * x.tangent};
}

// The number without its tangent.
template <class Real>
HOTPP_ALGEBRA Real value_of(Real x) {
  return x;
}
template <class Real>
HOTPP_ALGEBRA Real value_of(Dual<Real> x) {
  return x.value;
}

// What a sum delivers: the number itself, or the tangent of a dual one.
template <class R>
HOTPP_ALGEBRA R result(R x) {
  return x;
}
template <class R>
HOTPP_ALGEBRA R result(Dual<R> x) {
  return x.tangent;
}

// ------------------------------------------------------------------------------------- vectors and tensors

template <class N>
struct Vector {
  N x, y, z;
};
// The six stored components of a symmetric tensor; an off-diagonal one stands for both of its places.
template <class N>
struct Symmetric {
  N xx, yy, zz, yz, xz, xy;
};

template <class N>
HOTPP_ALGEBRA Vector<N> operator+(const Vector<N>& a, const Vector<N>& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
template <class N>
HOTPP_ALGEBRA Symmetric<N> operator+(const Symmetric<N>& a, const Symmetric<N>& b) {
  return {a.xx + b.xx, a.yy + b.yy, a.zz + b.zz, a.yz + b.yz, a.xz + b.xz, a.xy + b.xy};
}
template <class A, class B>
HOTPP_ALGEBRA Vector<Product<A, B>> scale(const A& a, const Vector<B>& v) {
  return {a * v.x, a * v.y, a * v.z};
}
template <class A, class B>
HOTPP_ALGEBRA Symmetric<Product<A, B>> scale(const A& a, const Symmetric<B>& t) {
  return {a * t.xx, a * t.yy, a * t.zz, a * t.yz, a * t.xz, a * t.xy};
}
template <class A, class B>
HOTPP_ALGEBRA Product<A, B> dot(const Vector<A>& a, const Vector<B>& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
// Over the six stored components, which are independent numbers to autograd.
template <class A, class B>
HOTPP_ALGEBRA Product<A, B> dot(const Symmetric<A>& a, const Symmetric<B>& b) {
  return a.xx * b.xx + a.yy * b.yy + a.zz * b.zz + a.yz * b.yz + a.xz * b.xz + a.xy * b.xy;
}
template <class A, class B>
HOTPP_ALGEBRA Vector<Product<A, B>> apply(const Symmetric<A>& t, const Vector<B>& u) {
  return {t.xx * u.x + t.xy * u.y + t.xz * u.z, t.xy * u.x + t.yy * u.y + t.yz * u.z,
          t.xz * u.x + t.yz * u.y + t.zz * u.z};
}
// The derivative of p·(T û) with respect to the stored components of T.
template <class A, class B>
HOTPP_ALGEBRA Symmetric<Product<A, B>> outer(const Vector<A>& u, const Vector<B>& p) {
  return {
      u.x * p.x, u.y * p.y, u.z * p.z, u.y * p.z + u.z * p.y, u.x * p.z + u.z * p.x, u.x * p.y + u.y * p.x};
}
template <class Real, class N>
HOTPP_ALGEBRA Symmetric<N> halve_off_diagonal(const Symmetric<N>& t) {
  constexpr Real half(0.5);
  return {t.xx, t.yy, t.zz, half * t.yz, half * t.xz, half * t.xy};
}

}  // namespace hotpp::ops
