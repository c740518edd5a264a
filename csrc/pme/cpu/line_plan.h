// SPDX-License-Identifier: GPL-2.0-or-later
// Fourier transform along one line, cut into stages (Stockham's form: no bit reversal, decimation in
// frequency).
//
// A stage of radix R with stride s, where s is the product of the radices before it and m = points / (R s):
//   y[q + s (R p + j)] = exp(-2 pi i p j / (R m)) sum_k exp(-2 pi i j k / R) x[q + s (p + m k)],
//   p = 0..m-1, q = 0..s-1.
// The numbers x, y are whole vectors: `lanes` lines are transformed side by side, real parts and imaginary
// parts apart, so nothing is ever shuffled inside of a vector.
#pragma once

#include <cstddef>

namespace hotpp::pme {

/// Lines side by side: 32 bytes of real parts and 32 bytes of imaginary parts, together one cache line.
template <class Real>
constexpr int fft_lanes = 32 / static_cast<int>(sizeof(Real));

template <class Real>
struct LineStage {
  int radix, m, s;
  const Real* twiddles;  ///< [m][radix - 1]: cos, -sin of 2 pi p j / (radix m), j = 1..radix-1
  const Real* roots;     ///< [radix]: cos, -sin of 2 pi j / radix
};

/// Plain data for the kernel files, see simd.h.
template <class Real>
struct LinePlan {
  int points, stages;
  LineStage<Real> stage[32];
};

/// Reals of scratch memory that the transforms of one thread need.
template <class Real>
constexpr std::size_t line_scratch(int points) {
  return 3 * static_cast<std::size_t>(points + fft_lanes<Real>) * 2 * fft_lanes<Real>;
}

}  // namespace hotpp::pme
