// SPDX-License-Identifier: GPL-2.0-or-later
// Finds the site and the tile of every atom; the last block sums the charges, begins the tiles and chooses
// the scale of the fixed-point mesh.
//
// Scale: a mesh point gets at most (largest contribution of an atom) x (atoms in the tiles around it). With
// the largest power of two for which that stays below 2^30 (2^62 in float64) the integers cannot wrap,
// whatever the charges and however crowded the tiles.
#pragma once

#include "pme/cuda/reduction.h"
#include "pme/cuda/sites.h"

namespace hotpp::pme::cuda {

/// Where a sorted atom goes: its tile, and its place there in order of arrival.
struct Slot {
  int tile, rank;
};

HOTPP_HOST_DEVICE inline float float_of_bits(unsigned bits) {
  union {
    unsigned u;
    float f;
  } both;
  both.u = bits;
  return both.f;
}
HOTPP_HOST_DEVICE inline unsigned bits_of_float(float value) {
  union {
    float f;
    unsigned u;
  } both;
  both.f = value;
  return both.u;
}

template <class Real>
struct Locate {
  static constexpr int threads = sum_width;

  Layout layout;
  const Step* step;
  State* state;
  double largest_weight[2];  ///< of one atom and mesh point: per unit charge, per unit dipole component
  int around;                ///< tiles_around_a_point
  int* counts;               ///< [tiles]
  int* begins;               ///< [tiles + 1], if sorted
  Slot* slots;               ///< [n] if atoms are to be sorted, else null
  Site<Real>* sites;         ///< [n] filled here if atoms are not sorted
  Real* coefficients;        ///< [n, 1 or 4] likewise
  double* partial_sums;      ///< [blocks, 2]

  struct Shared {
    Sums<2> sums;  ///< charge, self energy
    unsigned largest;
    int most, segment[sum_width], group[16];
  };
  static std::size_t shared_bytes() { return sizeof(Shared); }
  static int grid(int capacity) { return capacity > 0 ? (capacity + threads - 1) / threads : 1; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& shared = *static_cast<Shared*>(block.shared());
    const int n = step->atoms.n, begin = block.index() * threads;
    if (begin < n) {
      block.each(1, [&](int) { shared.largest = 0; });
      block.each(threads, [&](int t) { locate_one<Block>(begin + t, n, shared, t); });
      shared.sums.reduce(block);
      block.each(2, [&](int c) {
        partial_sums[2 * block.index() + c] = shared.sums.total[c];
        if (c == 0) block.maximum(&state->largest, shared.largest);
      });
    } else {
      block.each(0, [](int) {});
    }
    if (block.is_last(&state->arrivals[0])) finish(block, shared, n);
  }

 private:
  template <class Block>
  HOTPP_DEVICE void locate_one(int i, int n, Shared& shared, int t) const {
    shared.sums.part[0][t] = shared.sums.part[1][t] = 0.0;
    if (i >= n) return;
    Site<Real> site;
    Real c[4] = {};
    bool good = locate_atom(*step, layout, i, &site, c);
    const bool dipoles = step->atoms.dipoles.data != nullptr;
    double bound = largest_weight[0] * fabs(static_cast<double>(c[0]));
    if (dipoles)
      for (int d = 0; d < 3; ++d) bound += largest_weight[1] * fabs(static_cast<double>(c[1 + d]));
    if (!good || !(bound < 1e30)) {
      block_problem<Block>(good ? too_large : not_finite, i);
      bound = 0.0;
      for (Real& value : c) value = 0;
    }
    Block::maximum(&shared.largest, bits_of_float(static_cast<float>(bound * 1.000001)));
    const int tile = layout.tile_of(site.first), rank = Block::fetch_add(&counts[tile], 1);
    if (slots) {
      slots[i] = {tile, rank};
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
  }

  template <class Block>
  HOTPP_DEVICE void block_problem(unsigned problem, int i) const {
    Block::set_bits(&state->problems, problem);
    Block::minimum(&state->problem_atom, i);
  }

  template <class Block>
  HOTPP_DEVICE void finish(Block& block, Shared& shared, int n) const {
    shared.sums.reduce_rows(block, partial_sums, (n + threads - 1) / threads);
    // exclusive prefix sum of the counts: one segment per thread, 16 groups of segments
    const int tiles = layout.tile_count(), share = (tiles + sum_width - 1) / sum_width;
    block.each(1, [&](int) { shared.most = 0; });
    block.each(sum_width, [&](int t) {
      int sum = 0, most = 0;
      for (int i = t * share; i < tiles && i < (t + 1) * share; ++i) {
        sum += counts[i];
        if (counts[i] > most) most = counts[i];
      }
      shared.segment[t] = sum;
      Block::maximum(reinterpret_cast<unsigned*>(&shared.most), static_cast<unsigned>(most));
    });
    if (slots) {
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
      const double crowd = static_cast<double>(around) * shared.most;
      const double bound = (crowd < n ? crowd : n) * static_cast<double>(float_of_bits(state->largest));
      int exponent = 0;  // bound < 2^exponent
      frexp(bound, &exponent);
      if (exponent < -80) exponent = -80;
      const bool wrong = state->problems != 0;
      state->scale = wrong ? 0.0 : ldexp(1.0, FixedPoint<Real>::bits - exponent);
      state->inverse_scale = ldexp(1.0, exponent - FixedPoint<Real>::bits);
      if (wrong) {
        state->reported_problems |= state->problems;
        if (state->problem_atom < state->reported_atom) state->reported_atom = state->problem_atom;
      }
    });
  }
};

}  // namespace hotpp::pme::cuda
