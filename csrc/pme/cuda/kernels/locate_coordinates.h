// SPDX-License-Identifier: GPL-2.0-or-later
// Sites of atoms given in mesh coordinates, for spread and gather alone.
#pragma once

#include "pme/cuda/fixed_point.h"
#include "pme/cuda/sites.h"

namespace hotpp::pme::cuda {

template <class Real>
struct LocateCoordinates {
  static constexpr int threads = 256;

  Layout layout;
  int n;
  const double* coordinates;  ///< [n, 3], anywhere
  Site<Real>* sites;          ///< [n]
  State* state;
  // for spread; null for gather
  const Real* coefficients;  ///< [n, columns]
  int columns;
  double derivative_factor;  ///< Envelope::derivative_factor
  int* bins;                 ///< atoms per bin

  struct Shared {
    unsigned largest;
  };
  static std::size_t shared_bytes() { return sizeof(Shared); }
  static int grid(int n) { return n > 0 ? (n + threads - 1) / threads : 1; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& shared = *static_cast<Shared*>(block.shared());
    const int begin = block.index() * threads;
    block.each(1, [&](int) { shared.largest = 0; });
    block.each(minimum_of(threads, n - begin), [&](int t) {
      const int i = begin + t;
      bool good = place_coordinates(layout, coordinates + 3LL * i, &sites[i]);
      sites[i].original = i;
      if (coefficients) {
        double size = 0.0;
        for (int c = 0; c < columns; ++c) {
          double term = fabs(static_cast<double>(coefficients[static_cast<long long>(columns) * i + c]));
          for (int d = 0; d < total_power(c); ++d) term *= derivative_factor;
          size += term;
        }
        if (good && !(size < 1e30)) report<Block>(finite(size) ? too_large : not_finite, i);
        if (good && size < 1e30) Block::maximum(&shared.largest, upper_bits_of(size));
        Block::add(&bins[layout.bin_of(sites[i].first)], 1);
      }
      if (!good) report<Block>(not_finite, i);
    });
    block.each(1, [&](int) {
      if (shared.largest > 0) Block::maximum(&state->largest, shared.largest);
    });
  }

 private:
  template <class Block>
  HOTPP_DEVICE void report(unsigned problem, int i) const {
    Block::set_bits(&state->problems, problem);
    Block::minimum(&state->problem_atom, i);
    Block::set_bits(&state->reported_problems, problem);
    Block::minimum(&state->reported_atom, i);
  }
  HOTPP_DEVICE static int total_power(int c) { return c == 0 ? 0 : c < 4 ? 1 : c < 10 ? 2 : 3; }
};

}  // namespace hotpp::pme::cuda
