// SPDX-License-Identifier: GPL-2.0-or-later
// -sum_i (grad phi)_a μ_b: at fixed Cartesian μ the dipoles in mesh units change with the strain. A kernel of
// its own over the atoms in the caller's order, since the sorted order differs from run to run.
#pragma once

#include "pme/cuda/kernels/finish.h"
#include "pme/cuda/layout.h"
#include "pme/cuda/reduction.h"

namespace hotpp::pme::cuda {

template <class Real>
struct DipoleStrain {
  static constexpr int threads = sum_width, atoms_per_block = 1024;

  const Step* step;
  State* state;
  const Real* gradients;  ///< [n, 3] of the potential in mesh units, in the caller's order
  double* partial_sums;   ///< [blocks, 9]

  using Shared = Sums<9>;
  static std::size_t shared_bytes() { return sizeof(Shared); }
  static int grid(int capacity) { return (capacity + atoms_per_block - 1) / atoms_per_block; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& sums = *static_cast<Shared*>(block.shared());
    const int n = step->atoms.n, begin = block.index() * atoms_per_block;
    const int end = begin + minimum_of(atoms_per_block, n - begin);
    if (begin < n) {
      block.each(threads, [&](int t) {
        double sum[9] = {};
        for (int i = begin + t; i < end; i += threads)
          for (int a = 0; a < 3; ++a) {
            double slope = 0.0;
            for (int d = 0; d < 3; ++d) slope += step->to_mesh[3 * a + d] * gradients[3LL * i + d];
            for (int b = 0; b < 3; ++b) sum[3 * a + b] -= slope * step->atoms.dipoles[3LL * i + b];
          }
        for (int c = 0; c < 9; ++c) sums.part[c][t] = sum[c];
      });
      sums.reduce(block);
      block.each(9, [&](int c) { partial_sums[9 * block.index() + c] = sums.total[c]; });
    } else {
      block.each(0, [](int) {});
    }
    if (!block.is_last(&state->arrivals[3])) return;
    sums.reduce_rows(block, partial_sums, (n + atoms_per_block - 1) / atoms_per_block);
    block.each(1, [&](int) { finish(*step, state, sums.total); });
  }
};

}  // namespace hotpp::pme::cuda
