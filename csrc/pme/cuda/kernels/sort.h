// SPDX-License-Identifier: GPL-2.0-or-later
// Puts the atoms in the order of their tiles. The order within a tile is that of arrival and differs from run
// to run; nothing depends on it.
#pragma once

#include "pme/cuda/kernels/locate.h"

namespace hotpp::pme::cuda {

template <class Real>
struct Sort {
  static constexpr int threads = 256;

  Layout layout;
  const Step* step;
  const State* state;
  const int* begins;
  const Slot* slots;
  Site<Real>* sites;
  Real* coefficients;

  static std::size_t shared_bytes() { return 0; }
  static int grid(int capacity) { return (capacity + threads - 1) / threads; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const int begin = block.index() * threads;
    block.each(minimum_of(threads, step->atoms.n - begin), [&](int t) {
      const Slot slot = slots[begin + t];
      const int to = begins[slot.tile] + slot.rank;
      Site<Real> site;
      Real c[4] = {};
      // located again rather than stored unsorted: two floating-point reads instead of a second copy of all
      locate_atom(*step, layout, begin + t, &site, c);
      sites[to] = site;
      store_coefficients(coefficients, to, step->atoms.dipoles.data != nullptr, c);
    });
  }
};

}  // namespace hotpp::pme::cuda
