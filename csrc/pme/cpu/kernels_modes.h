// SPDX-License-Identifier: GPL-2.0-or-later
// Influence function and sums over modes, a block of lines along x at a time, for one instruction set; see
// simd.h.
//
// All in float64, whatever the mesh is.
#pragma once

#include "pme/cpu/kernels.h"
#include "pme/cpu/simd.h"

namespace hotpp::pme::HOTPP_ISA {

/// Lanes of a block in float64.
template <class Real>
using Wide = Row<double, fft_lanes<Real>>;

template <class Real>
HOTPP_INLINE Wide<Real> widen(const Real* p) {
  double wide[fft_lanes<Real>];
  for (int j = 0; j < fft_lanes<Real>; ++j) wide[j] = p[j];
  return Wide<Real>::load(wide);
}

template <class Real>
HOTPP_INLINE void narrow(const Wide<Real>& a, Real* p) {
  double wide[fft_lanes<Real>];
  a.store(wide);
  for (int j = 0; j < fft_lanes<Real>; ++j) p[j] = static_cast<Real>(wide[j]);
}

/// exp(x), x <= 0, to the last bit or two; exp(-700) below that.
template <int L>
HOTPP_INLINE Row<double, L> exp_of_negative(const Row<double, L>& x) {
  using V = Row<double, L>;
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
  const V y = maximum(x, broadcast<double, L>(-700.0));
  const V shifted = 1.4426950408889634074 * y + broadcast<double, L>(magic);
  const V n = shifted - broadcast<double, L>(magic);
  const V r = y - 0.693147180369123816490 * n - 1.90821492927058770002e-10 * n;
  V sum = broadcast<double, L>(inverse_factorial[13]);
  HOTPP_UNROLL_LOOP
  for (int k = 12; k >= 0; --k) sum = sum * r + broadcast<double, L>(inverse_factorial[k]);
  double power[L];
  std::uint64_t bits[L];
  shifted.store(power);
  __builtin_memcpy(bits, power, sizeof(bits));
  for (int j = 0; j < L; ++j) bits[j] = (bits[j] << 52) + (std::uint64_t(1023) << 52);
  __builtin_memcpy(power, bits, sizeof(bits));
  return V::load(power) * sum;
}

/// k² of the modes x of a block. Zero would divide by zero; the factor of that mode is zero.
template <int L>
HOTPP_INLINE Row<double, L> squared_wave_vectors(const ModeColumn& column, int x) {
  using V = Row<double, L>;
  const V k2 = column.mixed_index[x] * V::load(column.linear) + V::load(column.constant) +
               broadcast<double, L>(column.square[x]);
  return maximum(k2, broadcast<double, L>(1e-30));
}

/// Screening and -d ln(screening)/d(k²) of the prolate kernel by Clenshaw's recurrence, as in pme/kernel.h.
template <int L>
HOTPP_INLINE void prolate_screening(const ModeColumn& column, const Row<double, L>& k2, Row<double, L>& value,
                                    Row<double, L>& log_slope) {
  using V = Row<double, L>;
  const double scale = 2.0 / column.cutoff_squared;
  const V x = scale * k2 - broadcast<double, L>(1.0), zero = broadcast<double, L>(0.0);
  V b1 = zero, b2 = zero, d1 = zero, d2 = zero;
  for (int term = column.chebyshev_terms - 1; term > 0; --term) {
    const V d0 = 2.0 * (x * d1 + b1) - d2;
    const V b0 = 2.0 * (x * b1) - b2 + broadcast<double, L>(column.chebyshev[term]);
    d2 = d1, d1 = d0, b2 = b1, b1 = b0;
  }
  const V s = x * b1 - b2 + broadcast<double, L>(column.chebyshev[0]);
  value = where_not_above(k2, column.cutoff_squared, s);
  log_slope = where_not_above(k2, column.cutoff_squared, (-scale) * (x * d1 - d2 + b1) / s);
}

/// influence [points][lanes] of a block of lines; slope (or null) likewise: -d ln phi/d(k²).
template <class Real>
void influence_of_column(int points, const ModeColumn& column, Real* influence, Real* slope) {
  constexpr int L = fft_lanes<Real>;
  using V = Wide<Real>;
  const V factor = V::load(column.factor);
  for (int x = 0; x < points; ++x) {
    const V k2 = squared_wave_vectors<L>(column, x);
    V value, log_slope = broadcast<double, L>(column.half_variance);
    if (column.chebyshev_terms == 0)
      value = exp_of_negative((-column.half_variance) * k2);
    else
      prolate_screening(column, k2, value, log_slope);
    narrow<Real>(column.factor_x[x] * factor * value / k2, influence + x * L);
    if (slope) narrow<Real>(log_slope + broadcast<double, L>(1.0) / k2, slope + x * L);
  }
}

/// The first of the sums below alone, with the same bits.
template <class Real>
HOTPP_INLINE void add_energies(int points, const Real* line, const Real* influence,
                               double (*sums)[column_lanes]) {
  constexpr int L = fft_lanes<Real>;
  Wide<Real> energy = broadcast<double, L>(0.0);
  for (int x = 0; x < points; ++x) {
    const Wide<Real> re = widen<Real>(line + 2 * L * x), im = widen<Real>(line + 2 * L * x + L);
    energy = energy + widen<Real>(influence + L * x) * (re * re + im * im);
  }
  energy.store(sums[0]);
}

/// Adds to sums, see ModeColumn; `line` is a transformed line, [points][re, im][lanes].
template <class Real>
HOTPP_INLINE void add_modes(int points, const Real* line, const Real* influence, const ModeColumn& column,
                            const Real* slope, double (*sums)[column_lanes]) {
  constexpr int L = fft_lanes<Real>;
  using V = Wide<Real>;
  const V zero = broadcast<double, L>(0.0), one = broadcast<double, L>(1.0);
  const V half_variance = broadcast<double, L>(column.half_variance);
  V energy = zero, s0 = zero, s1 = zero, s2 = zero;
  for (int x = 0; x < points; ++x) {
    const V re = widen<Real>(line + 2 * L * x), im = widen<Real>(line + 2 * L * x + L);
    const V term = widen<Real>(influence + L * x) * (re * re + im * im);
    const V weight =
        slope ? widen<Real>(slope + L * x) : half_variance + one / squared_wave_vectors<L>(column, x);
    const V t = term * weight;
    energy = energy + term;
    s0 = s0 + t;
    s1 = column.mixed_index[x] * t + s1;
    s2 = column.index[x] * column.index[x] * t + s2;
  }
  energy.store(sums[0]), s0.store(sums[1]), s1.store(sums[2]), s2.store(sums[3]);
}

}  // namespace hotpp::pme::HOTPP_ISA
