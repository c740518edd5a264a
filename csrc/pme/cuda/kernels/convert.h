// SPDX-License-Identifier: GPL-2.0-or-later
// Fixed-point charges to real ones, in place.
#pragma once

#include "pme/cuda/block.h"
#include "pme/cuda/fixed_point.h"
#include "pme/cuda/kernels/finish.h"

namespace hotpp::pme::cuda {

template <class Real>
struct Convert {
  using Word = typename FixedPoint<Real>::Word;
  static_assert(sizeof(Word) == sizeof(Real), "one replaces the other in place");
  static constexpr int threads = 256, words_per_block = 2048;

  const State* state;
  Word* charges;
  Real* mesh;  ///< the same memory
  int size;

  static std::size_t shared_bytes() { return 0; }
  int grid() const { return (size + words_per_block - 1) / words_per_block; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const int begin = block.index() * words_per_block;
    const Real unit = state->problems ? static_cast<Real>(not_a_number()) : fixed_point_unit<Real>(*state);
    block.each(minimum_of(words_per_block, size - begin), [&](int i) {
      const Word word = charges[begin + i];
      mesh[begin + i] = static_cast<Real>(word) * unit;
    });
  }
};

}  // namespace hotpp::pme::cuda
