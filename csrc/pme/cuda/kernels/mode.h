// SPDX-License-Identifier: GPL-2.0-or-later
// One mode n of the half spectrum of a real mesh: what the sums over the modes have in common. Meaning of
// Nyquist modes: pme/influence.h.
#pragma once

#include "pme/cuda/block.h"
#include "pme/cuda/reduction.h"

namespace hotpp::pme::cuda {

constexpr int modes_per_block = 2048;

/// Place of ab = xx, yy, zz, xy, xz, yz in a 3 x 3 matrix.
HOTPP_HOST_DEVICE constexpr int axis_of(int c, int which) {
  constexpr int table[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  return table[c][which];
}

struct Mode {
  double products[6];  ///< n_a n_b: xx, yy, zz, xy, xz, yz; mixed ones are 0 in a Nyquist plane of a or b
  double factor;       ///< the caller's, times D1 D2 D3
  double count;        ///< 2 where the other half of the spectrum has the conjugate of this mode, else 1

  /// index: in the half spectrum; deconvolution [K1 + K2 + K3]: D(n) of the axes one after the other.
  HOTPP_DEVICE Mode(const int* points, const int* index, const double* deconvolution, double scale)
      : factor(scale), count(index[2] == 0 || 2 * index[2] == points[2] ? 1.0 : 2.0) {
    double n[3], mixed[3];
    HOTPP_UNROLL for (int d = 0; d < 3; ++d) {
      n[d] = 2 * index[d] <= points[d] ? index[d] : index[d] - points[d];
      mixed[d] = 2 * index[d] == points[d] ? 0.0 : n[d];
      factor *= deconvolution[index[d]];
      deconvolution += points[d];
    }
    HOTPP_UNROLL for (int c = 0; c < 6; ++c) {
      const int a = axis_of(c, 0), b = axis_of(c, 1);
      products[c] = a == b ? n[a] * n[a] : mixed[a] * mixed[b];
    }
  }
};

/// The block's modes by all of its threads, add(mode, sum[C]) for each; the sums to row `block` of
/// partial_sums [blocks, C].
template <int C, class Block, class Add>
HOTPP_DEVICE void sum_modes(Block& block, Sums<C>& sums, int modes, double* partial_sums, const Add& add) {
  const int begin = block.index() * modes_per_block;
  const int end = begin + minimum_of(modes_per_block, modes - begin);
  block.each(sum_width, [&](int t) {
    double sum[C] = {};
    for (int i = begin + t; i < end; i += sum_width) add(i, sum);
    HOTPP_UNROLL for (int c = 0; c < C; ++c) sums.part[c][t] = sum[c];
  });
  sums.reduce(block);
  block.each(C, [&](int c) { partial_sums[C * block.index() + c] = sums.total[c]; });
}

}  // namespace hotpp::pme::cuda
