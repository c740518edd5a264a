// SPDX-License-Identifier: GPL-2.0-or-later
// The sum over the modes of one structure and its derivatives; formulas and meaning of the tangents in
// ops/reciprocal_sum.h. The influence function A(k²) = screening(k²)/k² D1 D2 D3 and its derivatives are
// evaluated in float64 for every mode: less memory traffic than a table, and no table to make for new cells.
#pragma once

#include "pme/cuda/kernels/mode.h"
#include "pme/cuda/layout.h"
#include "pme/kernel.h"

namespace hotpp::pme::cuda {

/// Power: total = sum A |rho|².
/// Gradient: out = 2 e A rho, moments = e sum n_i n_j A' |rho|².
/// Second: total = sum 2 A Re(tau rho*) + g A' |rho|², out = e (2 A tau + 2 g A' rho),
///         moments = e sum n_i n_j (2 A' Re(tau rho*) + g A'' |rho|²), with g = sum_ij n_i n_j Gamma_ij.
enum class ModePass { Power, Gradient, Second };

constexpr int mode_columns = 7;  ///< total; moments xx, yy, zz, xy, xz, yz

/// Arrays of one structure, or of the whole batch for `at`; null: zero, or not wanted.
template <class Real>
struct ModeArrays {
  const Real* rho;               ///< spectrum, interleaved complex
  const Real* tau;               ///< its tangent
  Real* out;                     ///< may be tau
  const double* metric;          ///< [9] b_i · b_j, 1/Å²
  const double* metric_tangent;  ///< [9] Gamma
  const double* seed;            ///< [1] e; null: 1
  const double* factors;         ///< deconvolution, K1 + K2 + K3
  double* total;                 ///< [1]
  double* moments;               ///< [9]

  HOTPP_DEVICE ModeArrays at(int s, long long first_mode, long long first_factor) const {
    ModeArrays mine = *this;
    mine.rho += 2 * first_mode;
    mine.factors += first_factor;
    mine.metric += 9 * s;
    if (tau) mine.tau += 2 * first_mode;
    if (out) mine.out += 2 * first_mode;
    if (metric_tangent) mine.metric_tangent += 9 * s;
    if (seed) mine.seed += s;
    if (total) mine.total += s;
    if (moments) mine.moments += 9 * s;
    return mine;
  }
};

template <class Real, ModePass Pass>
struct SumModes {
  static constexpr int threads = sum_width;

  Layout layout;         ///< points count
  const Kernel* kernel;  ///< where all threads can read it
  ModeArrays<Real> arrays;
  double* partial_sums;  ///< [blocks, mode_columns]

  using Shared = Sums<mode_columns>;
  static std::size_t shared_bytes() { return sizeof(Shared); }
  static long long grid(long long modes) { return (modes + modes_per_block - 1) / modes_per_block; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& sums = *static_cast<Shared*>(block.shared());
    const int modes = layout.points[0] * layout.points[1] * (layout.points[2] / 2 + 1);
    sum_modes(block, sums, modes, partial_sums, [&](int i, double* sum) { add(i, sum); });
  }

 private:
  HOTPP_DEVICE void add(int i, double* sum) const {
    const int last = layout.points[2] / 2 + 1;
    const int index[3] = {i / last / layout.points[1], i / last % layout.points[1], i % last};
    const Mode mode(layout.points, index, arrays.factors, 1.0);
    double k2 = 0.0, tangent = 0.0, factor = mode.factor;
    HOTPP_UNROLL for (int c = 0; c < 6; ++c) {
      const int a = axis_of(c, 0), b = axis_of(c, 1);
      k2 += mode.products[c] * of_pair(arrays.metric, a, b);
      if constexpr (Pass == ModePass::Second)
        if (arrays.metric_tangent) tangent += mode.products[c] * of_pair(arrays.metric_tangent, a, b);
    }
    const bool background = i == 0;
    if (background) k2 = 1.0, factor = 0.0;
    factor /= k2;
    const double s0 = kernel->screening(k2), value = factor * s0;
    double slope = 0.0, curvature = 0.0;
    const bool with_moments = Pass != ModePass::Power && arrays.moments;
    if (with_moments || (Pass == ModePass::Second && arrays.metric_tangent)) {
      const double s1 = kernel->screening_derivative(k2);
      slope = factor * (s1 - s0 / k2);
      if (Pass == ModePass::Second && with_moments && arrays.metric_tangent)
        curvature = factor * (kernel->screening_second_derivative(k2) - 2.0 * s1 / k2 + 2.0 * s0 / (k2 * k2));
    }

    const double re = arrays.rho[2 * i], im = arrays.rho[2 * i + 1], power = re * re + im * im;
    double term = 0.0, out_re = 0.0, out_im = 0.0;  // of the moments; without the seed
    if constexpr (Pass == ModePass::Power) {
      sum[0] += mode.count * value * power;
    } else if constexpr (Pass == ModePass::Gradient) {
      term = slope * power;
      out_re = 2.0 * value * re;
      out_im = 2.0 * value * im;
    } else {
      double tau_re = 0.0, tau_im = 0.0;
      if (arrays.tau) tau_re = arrays.tau[2 * i], tau_im = arrays.tau[2 * i + 1];
      const double overlap = 2.0 * (tau_re * re + tau_im * im);
      sum[0] += mode.count * (value * overlap + tangent * slope * power);
      term = slope * overlap + tangent * curvature * power;
      out_re = 2.0 * (value * tau_re + tangent * slope * re);
      out_im = 2.0 * (value * tau_im + tangent * slope * im);
    }
    if constexpr (Pass != ModePass::Power) {
      const double seed = arrays.seed ? *arrays.seed : 1.0;
      if (arrays.out) {
        arrays.out[2 * i] = static_cast<Real>(seed * out_re);
        arrays.out[2 * i + 1] = static_cast<Real>(seed * out_im);
      }
      if (with_moments) {
        HOTPP_UNROLL for (int c = 0; c < 6; ++c) sum[1 + c] += mode.count * term * mode.products[c];
      }
    }
  }

  HOTPP_DEVICE static double of_pair(const double* matrix, int a, int b) {
    return a == b ? matrix[4 * a] : matrix[3 * a + b] + matrix[3 * b + a];
  }
};

/// One block per structure, after SumModes: its partial sums to the caller's arrays.
template <class Real>
struct FinishModes {
  static constexpr int threads = sum_width;

  const double* partial_sums;  ///< [rows, mode_columns]
  int rows;
  ModeArrays<Real> arrays;

  using Shared = Sums<mode_columns>;
  static std::size_t shared_bytes() { return sizeof(Shared); }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& sums = *static_cast<Shared*>(block.shared());
    sums.reduce_rows(block, partial_sums, rows);
    block.each(1, [&](int) {
      if (arrays.total) *arrays.total = sums.total[0];
    });
    block.each(arrays.moments ? 9 : 0, [&](int ij) {
      const int i = ij / 3, j = ij % 3;
      const int component = i == j ? i : i + j + 2;  // xy 3, xz 4, yz 5
      arrays.moments[ij] = (arrays.seed ? *arrays.seed : 1.0) * sums.total[1 + component];
    });
  }
};

}  // namespace hotpp::pme::cuda
