// SPDX-License-Identifier: GPL-2.0-or-later
// Multiplies the spectrum by the influence function and sums energy and strain derivative over the modes.
// Formulas: pme/influence.h. The kernel is evaluated in float64 for every mode: less memory traffic than a
// table, and nothing to do when the cell changes.
#pragma once

#include "pme/cuda/kernels/finish.h"
#include "pme/cuda/kernels/mode.h"
#include "pme/cuda/layout.h"
#include "pme/kernel.h"

namespace hotpp::pme::cuda {

template <class Real, bool Strain>
struct ApplyInfluence {
  static constexpr int threads = sum_width, columns = Strain ? 7 : 1;

  Layout layout;
  Kernel kernel;
  const Step* step;
  State* state;
  const double* deconvolution;  ///< [K1 + K2 + K3]: D(n) of the three axes one after the other
  Real* spectrum;               ///< interleaved complex
  double* partial_sums;         ///< [blocks, columns]
  bool last_kernel;             ///< writes energy and strain derivative of the caller

  using Shared = Sums<columns>;
  static std::size_t shared_bytes() { return sizeof(Shared); }
  int grid() const { return (layout.size() / 2 + modes_per_block - 1) / modes_per_block; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& sums = *static_cast<Shared*>(block.shared());
    sum_modes(block, sums, layout.size() / 2, partial_sums, [&](int i, double* sum) { apply(i, sum); });
    if (!block.is_last(&state->arrivals[1])) return;
    sums.reduce_rows(block, partial_sums, block.blocks());
    block.each(1, [&](int) {
      state->mesh_energy = sums.total[0];
      if constexpr (Strain) cartesian(sums.total + 1, state->mesh_strain);
      if (last_kernel) finish(*step, state, nullptr);
    });
  }

 private:
  HOTPP_DEVICE void apply(int i, double* sum) const {
    const int modes = layout.modes(), z = i % modes, y = i / modes % layout.points[1],
              x = i / modes / layout.points[1];
    const int index[3] = {x, y, z};
    const Mode mode(layout.points, index, deconvolution, step->prefactor);
    double k2 = 0.0;
    HOTPP_UNROLL for (int c = 0; c < 6; ++c) k2 += step->metric[c] * mode.products[c];
    const Real g = i == 0 ? Real(0) : static_cast<Real>(mode.factor * kernel.screening(k2) / k2);
    const double re = spectrum[2 * i], im = spectrum[2 * i + 1];
    spectrum[2 * i] = static_cast<Real>(re) * g;
    spectrum[2 * i + 1] = static_cast<Real>(im) * g;
    const double term = mode.count * g * (re * re + im * im);
    sum[0] += 0.5 * term;
    if constexpr (Strain) {
      if (i == 0) return;
      const double weighted = term * (kernel.log_slope(k2) + 1.0 / k2);
      HOTPP_UNROLL for (int c = 0; c < 6; ++c) sum[1 + c] += weighted * mode.products[c];
    }
  }

  /// Sums of n_a n_b -> sums of k_a k_b.
  HOTPP_DEVICE void cartesian(const double* moments, double* strain) const {
    const double* const b = step->reciprocal;
    for (int c = 0; c < 6; ++c) {
      const int p = axis_of(c, 0), q = axis_of(c, 1);
      double sum = 0.0;
      for (int e = 0; e < 6; ++e) {
        const int i = axis_of(e, 0), j = axis_of(e, 1);
        sum += moments[e] * b[3 * i + p] * b[3 * j + q];
        if (i != j) sum += moments[e] * b[3 * j + p] * b[3 * i + q];
      }
      strain[c] = sum;
    }
  }
};

}  // namespace hotpp::pme::cuda
