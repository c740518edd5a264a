// SPDX-License-Identifier: GPL-2.0-or-later
//
// Logistic function on vector registers, for one instruction set.
#pragma once

#include <cstdint>

#include "ops/atom_update_matrix.h"

namespace hotpp::ops::HOTPP_ISA {

template <class Real>
struct ExpConstants;
template <>
struct ExpConstants<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa = 23, bias = 127, terms = 7;
  static constexpr float limit = 87.0f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  static constexpr float to_integer =
      12582912.0f;  // 1.5 · 2^23: adding it rounds to the integer in the low bits
};
template <>
struct ExpConstants<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa = 52, bias = 1023, terms = 13;
  static constexpr double limit = 708.0, ln2_high = 6.93145751953125e-1, ln2_low = 1.42860682030941723212e-6;
  static constexpr double to_integer = 6755399441055744.0;
};

/// e^x by its power series around the nearest multiple of ln 2; x beyond ±limit counts as ±limit, NaN stays.
template <class Real>
HOTPP_INLINE Vec<Real> exponential(Vec<Real> x) {
  using C = ExpConstants<Real>;
  using Bits = typename C::Bits;
  typedef Bits Integers __attribute__((vector_size(vector_bytes)));
  const Vec<Real> limit = C::limit - Vec<Real>{};
  x = x > limit ? limit : x;
  x = x < -limit ? -limit : x;
  const Vec<Real> shifted = x * Real(1.44269504088896340736) + C::to_integer;
  const Vec<Real> n = shifted - C::to_integer;
  const Vec<Real> r = x - n * C::ln2_high - n * C::ln2_low;
  Real coefficient[C::terms + 1];
  coefficient[0] = 1;
  HOTPP_UNROLL_LOOP
  for (int k = 1; k <= C::terms; ++k) coefficient[k] = coefficient[k - 1] / Real(k);
  Vec<Real> sum = coefficient[C::terms] - Vec<Real>{};
  HOTPP_UNROLL_LOOP
  for (int k = C::terms - 1; k >= 0; --k) sum = sum * r + coefficient[k];
  Integers power;
  __builtin_memcpy(&power, &shifted, vector_bytes);
  power = (power + C::bias) << C::mantissa;  // what to_integer leaves above falls out at the top
  Vec<Real> scale;
  __builtin_memcpy(&scale, &power, vector_bytes);
  return sum * scale;
}

template <class Real>
HOTPP_INLINE Vec<Real> logistic(Vec<Real> x) {
  return Real(1) / (Real(1) + exponential<Real>(-x));
}

}  // namespace hotpp::ops::HOTPP_ISA
