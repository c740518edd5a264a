// SPDX-License-Identifier: GPL-2.0-or-later
// Influence function and sums over modes, a block of lines along x at a time, for one instruction set; see
// simd.h.
//
// Plain loops over a few numbers side by side, which the compiler vectorises. All in float64.
#pragma once

#include "pme/cpu/kernels.h"
#include "pme/cpu/simd.h"

namespace hotpp::pme::HOTPP_ISA {

/// exp(x), x <= 0, to the last bit or two; 0 below exp(-700).
template <int L>
HOTPP_INLINE void exp_of_negative(const double* x, double* result) {
  constexpr double magic = 6755399441055744.0;  // 1.5 · 2^52: adding it rounds to an integer in the last bits
  constexpr double inverse_factorial[14] = {1.0,
                                            1.0,
                                            1.0 / 2,
                                            1.0 / 6,
                                            1.0 / 24,
                                            1.0 / 120,
                                            1.0 / 720,
                                            1.0 / 5040,
                                            1.0 / 40320,
                                            1.0 / 362880,
                                            1.0 / 3628800,
                                            1.0 / 39916800,
                                            1.0 / 479001600,
                                            1.0 / 6227020800.0};
  double shifted[L], series[L];
  for (int j = 0; j < L; ++j) {
    const double y = x[j] < -700.0 ? -700.0 : x[j];
    shifted[j] = y * 1.4426950408889634074 + magic;
    const double n = shifted[j] - magic;
    const double r = (y - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
    double sum = inverse_factorial[13];
    for (int k = 12; k >= 0; --k) sum = sum * r + inverse_factorial[k];
    series[j] = sum;
  }
  std::int64_t bits[L];
  double power[L];
  __builtin_memcpy(bits, shifted, sizeof(bits));
  for (int j = 0; j < L; ++j) bits[j] = (bits[j] << 52) + (std::int64_t(1023) << 52);
  __builtin_memcpy(power, bits, sizeof(bits));
  for (int j = 0; j < L; ++j) result[j] = x[j] < -700.0 ? 0.0 : power[j] * series[j];
}

template <int L>
HOTPP_INLINE void squared_wave_vectors(const ModeColumn& column, int x, double* k2) {
  for (int j = 0; j < L; ++j)
    k2[j] = column.constant[j] + column.linear[j] * column.mixed_index[x] + column.square[x];
}

/// Screening and -d ln(screening)/d(k²) of L modes.
template <int L>
HOTPP_INLINE void screening(const ModeColumn& column, const double* k2, double* value, double* log_slope) {
  if (column.chebyshev_terms == 0) {
    double exponent[L];
    for (int j = 0; j < L; ++j) {
      exponent[j] = -column.half_variance * k2[j];
      log_slope[j] = column.half_variance;
    }
    exp_of_negative<L>(exponent, value);
    return;
  }
  // Clenshaw's recurrence and its derivative, as in pme/kernel.h
  const double scale = 2.0 / column.cutoff_squared;
  double x[L], b1[L] = {}, b2[L] = {}, d1[L] = {}, d2[L] = {};
  for (int j = 0; j < L; ++j) x[j] = scale * k2[j] - 1.0;
  for (int term = column.chebyshev_terms - 1; term > 0; --term)
    for (int j = 0; j < L; ++j) {
      const double d0 = 2.0 * x[j] * d1[j] - d2[j] + 2.0 * b1[j];
      const double b0 = 2.0 * x[j] * b1[j] - b2[j] + column.chebyshev[term];
      d2[j] = d1[j], d1[j] = d0, b2[j] = b1[j], b1[j] = b0;
    }
  for (int j = 0; j < L; ++j) {
    const bool inside = k2[j] <= column.cutoff_squared;
    const double s = x[j] * b1[j] - b2[j] + column.chebyshev[0];
    const double derivative = scale * (x[j] * d1[j] - d2[j] + b1[j]);
    value[j] = inside ? s : 0.0;
    log_slope[j] = inside ? -derivative / s : 0.0;
  }
}

/// influence [points][lanes] of a block of lines; slope (or null) likewise: -d ln phi/d(k²).
template <class Real>
void influence_of_column(int points, const ModeColumn& column, Real* influence, Real* slope) {
  constexpr int L = fft_lanes<Real>;
  for (int x = 0; x < points; ++x) {
    double k2[L], value[L], log_slope[L];
    squared_wave_vectors<L>(column, x, k2);
    for (int j = 0; j < L; ++j) k2[j] = k2[j] > 0.0 ? k2[j] : 1.0;  // k = 0: its factor is zero
    screening<L>(column, k2, value, log_slope);
    for (int j = 0; j < L; ++j)
      influence[x * L + j] = static_cast<Real>(column.factor_x[x] * column.factor[j] * value[j] / k2[j]);
    if (slope)
      for (int j = 0; j < L; ++j) slope[x * L + j] = static_cast<Real>(log_slope[j] + 1.0 / k2[j]);
  }
}

/// Adds to sums, see ModeColumn; `line` is a transformed line, [points][re, im][lanes].
template <class Real>
HOTPP_INLINE void add_modes(int points, const Real* line, const Real* influence, const ModeColumn& column,
                            const Real* slope, double (*sums)[column_lanes]) {
  constexpr int L = fft_lanes<Real>;
  double energy[L] = {}, s0[L] = {}, s1[L] = {}, s2[L] = {};
  for (int x = 0; x < points; ++x) {
    const Real *const re = line + 2 * L * x, *const im = re + L, *const g = influence + L * x;
    double k2[L], term[L], weight[L];
    squared_wave_vectors<L>(column, x, k2);
    for (int j = 0; j < L; ++j) {
      const double a = re[j], b = im[j];
      term[j] = g[j] * (a * a + b * b);
      energy[j] += term[j];
    }
    if (slope)
      for (int j = 0; j < L; ++j) weight[j] = slope[x * L + j];
    else
      for (int j = 0; j < L; ++j) weight[j] = column.half_variance + 1.0 / (k2[j] > 0.0 ? k2[j] : 1.0);
    const double n1 = column.mixed_index[x], n2 = column.index[x] * column.index[x];
    for (int j = 0; j < L; ++j) {
      const double t = term[j] * weight[j];
      s0[j] += t;
      s1[j] += t * n1;
      s2[j] += t * n2;
    }
  }
  for (int j = 0; j < L; ++j)
    sums[0][j] = energy[j], sums[1][j] = s0[j], sums[2][j] = s1[j], sums[3][j] = s2[j];
}

}  // namespace hotpp::pme::HOTPP_ISA
