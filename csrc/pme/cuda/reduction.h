// SPDX-License-Identifier: GPL-2.0-or-later
// Sums over a block in float64 and in a fixed order: the same bits every time.
#pragma once

#include "pme/cuda/block.h"

namespace hotpp::pme::cuda {

constexpr int sum_width = 256;

/// Shared memory for C sums at a time: every item of a phase of `sum_width` items writes its part[c][item].
template <int C>
struct Sums {
  static constexpr int groups = 16;
  double part[C][sum_width];
  double group[C][groups];
  double total[C];

  template <class Block>
  HOTPP_DEVICE void reduce(Block& block) {
    block.each(C * groups, [&](int item) {
      const int c = item / groups, g = item % groups;
      double sum = 0.0;
      for (int i = g; i < sum_width; i += groups) sum += part[c][i];
      group[c][g] = sum;
    });
    block.each(C, [&](int c) {
      double sum = 0.0;
      for (int g = 0; g < groups; ++g) sum += group[c][g];
      total[c] = sum;
    });
  }

  /// Total of rows [0, count) of an array [count, C] that the blocks have written.
  template <class Block>
  HOTPP_DEVICE void reduce_rows(Block& block, const double* rows, int count) {
    block.each(sum_width, [&](int item) {
      for (int c = 0; c < C; ++c) {
        double sum = 0.0;
        for (int row = item; row < count; row += sum_width) sum += rows[row * C + c];
        part[c][item] = sum;
      }
    });
    reduce(block);
  }
};

}  // namespace hotpp::pme::cuda
