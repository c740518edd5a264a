// SPDX-License-Identifier: GPL-2.0-or-later
// The most crowded neighbourhood: largest sum over the bins around a point of atoms times envelope
// (envelope.h).
#pragma once

#include "pme/cuda/block.h"
#include "pme/cuda/envelope.h"
#include "pme/cuda/fixed_point.h"
#include "pme/cuda/layout.h"

namespace hotpp::pme::cuda {

struct FindCrowd {
  static constexpr int threads = 256;

  Layout layout;
  Envelope envelope;
  const int* bins;  ///< atoms per bin
  State* state;

  struct Shared {
    unsigned most;
  };
  static std::size_t shared_bytes() { return sizeof(Shared); }
  int grid() const { return (layout.bin_count() + threads - 1) / threads; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& shared = *static_cast<Shared*>(block.shared());
    const int begin = block.index() * threads;
    block.each(1, [&](int) { shared.most = 0; });
    block.each(minimum_of(threads, layout.bin_count() - begin),
               [&](int t) { Block::maximum(&shared.most, upper_bits_of(around(begin + t))); });
    block.each(1, [&](int) {
      if (shared.most > 0) Block::maximum(&state->crowd, shared.most);
    });
  }

 private:
  HOTPP_DEVICE double around(int bin) const {
    const int ny = layout.bins(1), nz = layout.bins(2);
    const int z = bin % nz, y = bin / nz % ny, x = bin / nz / ny;
    float sum = 0.0f;  // a bound; its rounding is in that of upper_bits_of
    for (int i = 0; i < envelope.offsets[0]; ++i) {
      const int bx = before(x, i, layout.bins(0));
      for (int j = 0; j < envelope.offsets[1]; ++j) {
        const int* const row = bins + (bx * ny + before(y, j, ny)) * nz;
        const float weight = static_cast<float>(envelope.e[0][i] * envelope.e[1][j]);
        for (int k = 0; k < envelope.offsets[2]; ++k)
          sum += weight * static_cast<float>(envelope.e[2][k]) * static_cast<float>(row[before(z, k, nz)]);
      }
    }
    return sum * 1.0001;
  }
  /// A mesh of few bins meets itself: its atoms then count more than once.
  HOTPP_DEVICE static int before(int bin, int k, int count) {
    const int b = bin - k;
    return b >= 0 ? b : (b + most_bins * count) % count;
  }
};

}  // namespace hotpp::pme::cuda
