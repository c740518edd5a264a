// SPDX-License-Identifier: GPL-2.0-or-later
// Finds the site, the tile and the bin of every atom; the last block sums the charges and begins the tiles.
#pragma once

#include "pme/cuda/fixed_point.h"
#include "pme/cuda/reduction.h"
#include "pme/cuda/sites.h"
#include "pme/slab.h"

namespace hotpp::pme::cuda {

/// Where a sorted atom goes: its tile, and its place there in order of arrival.
struct Slot {
  int tile, rank;
};

template <class Real, bool Slab>
struct Locate {
  static constexpr int threads = sum_width, columns = Slab ? 10 : 2;

  Layout layout;
  const Step* step;
  State* state;
  double derivative_factor;  ///< Envelope::derivative_factor
  int* bins;                 ///< [bins] atoms per bin
  int* counts;               ///< [tiles] atoms per tile, if sorted
  int* begins;               ///< [tiles + 1], if sorted
  Slot* slots;               ///< [n] if atoms are to be sorted, else null
  Site<Real>* sites;         ///< [n] filled here if atoms are not sorted
  Real* coefficients;        ///< [n, 1 or 4] likewise
  double* partial_sums;      ///< [blocks, columns]

  struct Shared {
    Sums<columns> sums;  ///< charge, self energy; moments of a slab as in State
    unsigned largest, top, bottom;
    int segment[sum_width], group[16];
  };
  static std::size_t shared_bytes() { return sizeof(Shared); }
  static int grid(int capacity) { return capacity > 0 ? (capacity + threads - 1) / threads : 1; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& shared = *static_cast<Shared*>(block.shared());
    const int n = step->atoms.n, begin = block.index() * threads;
    if (begin < n) {
      block.each(1, [&](int) { shared.largest = shared.top = shared.bottom = 0; });
      block.each(threads, [&](int t) { locate_one<Block>(begin + t, n, shared, t); });
      shared.sums.reduce(block);
      block.each(columns, [&](int c) {
        partial_sums[columns * block.index() + c] = shared.sums.total[c];
        if (c > 0) return;
        block.maximum(&state->largest, shared.largest);
        if constexpr (Slab) {
          block.maximum(&state->top, shared.top);
          block.maximum(&state->bottom, shared.bottom);
        }
      });
    } else {
      block.each(0, [](int) {});
    }
    if (block.is_last(&state->arrivals[0])) finish(block, shared, n);
  }

 private:
  template <class Block>
  HOTPP_DEVICE void locate_one(int i, int n, Shared& shared, int t) const {
    for (int c = 0; c < columns; ++c) shared.sums.part[c][t] = 0.0;
    if (i >= n) return;
    Site<Real> site;
    Real c[4] = {};
    unsigned problem = locate_atom(*step, layout, i, &site, c);
    const bool dipoles = step->atoms.dipoles.data != nullptr;
    double size = fabs(static_cast<double>(c[0]));
    if (dipoles)
      for (int d = 0; d < 3; ++d) size += derivative_factor * fabs(static_cast<double>(c[1 + d]));
    if (!problem && !(size < 1e30)) problem = too_large;
    if (problem) {
      report<Block>(problem, i);
      size = 0.0;
      for (Real& value : c) value = 0;
    }
    Block::maximum(&shared.largest, upper_bits_of(size));
    Block::add(&bins[layout.bin_of(site.first)], 1);
    if (slots) {
      const int tile = layout.tile_of(site.first);
      slots[i] = {tile, Block::fetch_add(&counts[tile], 1)};
    } else {
      sites[i] = site;
      store_coefficients(coefficients, i, dipoles, c);
    }
    const double q = step->atoms.charges[i];
    double self = step->self_charge * q * q;
    if (dipoles)
      for (int d = 0; d < 3; ++d) {
        const double mu = step->atoms.dipoles[3LL * i + d];
        self += step->self_dipole * mu * mu;
      }
    shared.sums.part[0][t] = q;
    shared.sums.part[1][t] = self;
    if constexpr (Slab) {
      const double mu = dipoles ? step->atoms.dipoles[3LL * i + 2] : 0.0;
      double r[3];
      HOTPP_UNROLL for (int a = 0; a < 3; ++a) r[a] = step->atoms.positions[3LL * i + a];
      const double moment = q * r[2] + mu;
      shared.sums.part[2][t] = moment;
      shared.sums.part[3][t] = r[2] * (moment + mu);
      HOTPP_UNROLL for (int a = 0; a < 3; ++a) {
        shared.sums.part[4 + a][t] = q * r[a];
        shared.sums.part[7 + a][t] = moment * r[a];
      }
      Block::maximum(&shared.top, ordered_bits_of(static_cast<float>(r[2])));
      Block::maximum(&shared.bottom, ordered_bits_of(static_cast<float>(-r[2])));
    }
  }

  template <class Block>
  HOTPP_DEVICE void report(unsigned problem, int i) const {
    Block::set_bits(&state->problems, problem);
    Block::minimum(&state->problem_atom, i);
  }

  template <class Block>
  HOTPP_DEVICE void finish(Block& block, Shared& shared, int n) const {
    shared.sums.reduce_rows(block, partial_sums, (n + threads - 1) / threads);
    if (slots) {
      // exclusive prefix sum of the counts: one segment per thread, 16 groups of segments
      const int tiles = layout.tile_count(), share = (tiles + sum_width - 1) / sum_width;
      block.each(sum_width, [&](int t) {
        int sum = 0;
        for (int i = t * share; i < tiles && i < (t + 1) * share; ++i) sum += counts[i];
        shared.segment[t] = sum;
      });
      constexpr int width = sum_width / 16;
      block.each(16, [&](int g) {
        int sum = 0;
        for (int t = g * width; t < (g + 1) * width; ++t) sum += shared.segment[t];
        shared.group[g] = sum;
      });
      block.each(16, [&](int g) {
        int sum = 0;
        for (int other = 0; other < g; ++other) sum += shared.group[other];
        for (int t = g * width; t < (g + 1) * width; ++t) {
          const int own = shared.segment[t];
          shared.segment[t] = sum;
          sum += own;
        }
      });
      block.each(sum_width, [&](int t) {
        int sum = shared.segment[t];
        for (int i = t * share; i < tiles && i < (t + 1) * share; ++i) {
          begins[i] = sum;
          sum += counts[i];
        }
        if (t == 0) begins[tiles] = n;
      });
    }
    block.each(1, [&](int) {
      state->total_charge = shared.sums.total[0];
      state->self_energy = shared.sums.total[1];
      if constexpr (Slab) {
        state->moment = shared.sums.total[2];
        state->second_moment = shared.sums.total[3];
        for (int a = 0; a < 3; ++a) {
          state->charge_moment[a] = shared.sums.total[4 + a];
          state->mixed_moment[a] = shared.sums.total[7 + a];
        }
        const double thickness = value_of_ordered(state->top) + value_of_ordered(state->bottom);
        if (n > 0 && !(step->height - thickness >= min_vacuum * thickness)) state->problems |= thin_vacuum;
      }
      if (state->problems != 0) {
        state->reported_problems |= state->problems;
        if (state->problem_atom < state->reported_atom) state->reported_atom = state->problem_atom;
      }
    });
  }
};

}  // namespace hotpp::pme::cuda
