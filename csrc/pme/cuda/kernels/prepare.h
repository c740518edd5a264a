// SPDX-License-Identifier: GPL-2.0-or-later
// First kernel: brings the Step to the device, clears the mesh and the counters.
#pragma once

#include <cstring>

#include "pme/cuda/block.h"
#include "pme/cuda/layout.h"
#include "pme/cuda/step.h"

namespace hotpp::pme::cuda {

template <class Word>
struct Prepare {
  static constexpr int threads = 256, words_per_block = 4096;

  Step step;
  Step* device_step;
  State* state;
  Word* mesh;
  int mesh_size;
  int* counts;  ///< atoms per tile and per bin
  int count_size;

  static std::size_t shared_bytes() { return 0; }
  int grid() const { return (mesh_size + words_per_block - 1) / words_per_block; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const int begin = block.index() * words_per_block;
    block.each(minimum_of(words_per_block, mesh_size - begin), [&](int i) { mesh[begin + i] = 0; });
    const int share = (count_size + block.blocks() - 1) / block.blocks(), first = block.index() * share;
    block.each(minimum_of(share, count_size - first), [&](int i) { counts[first + i] = 0; });
    if (block.index() != 0) return;
    // word by word: a copy of the whole by one thread would need a hundred registers of each
    constexpr int word = sizeof(double), count = sizeof(Step) / word;
    static_assert(sizeof(Step) % word == 0, "copied in whole words");
    const char* const from = reinterpret_cast<const char*>(&step);
    char* const to = reinterpret_cast<char*>(device_step);
    block.each(count, [&](int i) { memcpy(to + word * i, from + word * i, word); });
    block.each(1, [&](int) {
      state->problems = 0;
      state->problem_atom = step.atoms.n;
      state->largest = state->crowd = 0;
      state->top = state->bottom = 0;
      for (unsigned& arrivals : state->arrivals) arrivals = 0;
    });
  }
};

}  // namespace hotpp::pme::cuda
