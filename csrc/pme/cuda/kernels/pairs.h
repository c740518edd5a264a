// SPDX-License-Identifier: GPL-2.0-or-later
// The direct sum over all pairs of a cluster, in float64: the formulas of pme/cluster_direct.cpp. A thread
// per atom; the others come by batches through shared memory.
#pragma once

#include "pme/constants.h"
#include "pme/cuda/kernels/finish.h"
#include "pme/cuda/reduction.h"
#include "pme/cuda/sites.h"
#include "pme/radial_functions.h"

namespace hotpp::pme::cuda {

/// First kernel: nothing is wrong yet.
struct ClearState {
  static constexpr int threads = 32;
  int n;
  State* state;

  static std::size_t shared_bytes() { return 0; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    block.each(1, [&](int) {
      state->problems = 0;
      state->problem_atom = n;
      for (unsigned& arrivals : state->arrivals) arrivals = 0;
    });
  }
};

/// Results of one atom, without k_e: potential, dE/dμ, dE/dr.
struct PairSums {
  double phi = 0.0, g[3] = {}, f[3] = {};
};

template <bool Dipoles>
struct SumPairs {
  static constexpr int threads = 64, numbers = Dipoles ? 7 : 4;

  int n;
  DeviceAtoms atoms;
  RadialFunctions radial;  ///< table in device memory
  double farthest;         ///< the table is not good beyond
  PairSums* sums;          ///< [n]
  State* state;

  struct Shared {
    double others[threads][numbers];  ///< position, charge, dipole
    double own[threads][numbers];
    PairSums sums[threads];
  };
  static std::size_t shared_bytes() { return sizeof(Shared); }
  int grid() const { return (n + threads - 1) / threads; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& shared = *static_cast<Shared*>(block.shared());
    const int begin = block.index() * threads, m = minimum_of(threads, n - begin);
    block.each(m, [&](int t) {
      if (!load(begin + t, shared.own[t])) report<Block>(not_finite, begin + t);
      shared.sums[t] = PairSums();
    });
    for (int base = 0; base < n; base += threads) {
      const int count = minimum_of(threads, n - base);
      block.each(count, [&](int t) { load(base + t, shared.others[t]); });
      block.each(m, [&](int t) {
        PairSums sum = shared.sums[t];
        bool beyond = false;
        for (int k = 0; k < count; ++k)
          if (base + k != begin + t) add(shared.own[t], shared.others[k], sum, beyond);
        shared.sums[t] = sum;
        if (beyond) report<Block>(too_far_apart, begin + t);
      });
    }
    block.each(m, [&](int t) { sums[begin + t] = shared.sums[t]; });
  }

 private:
  template <class Block>
  HOTPP_DEVICE void report(unsigned problem, int i) const {
    Block::set_bits(&state->problems, problem);
    Block::minimum(&state->problem_atom, i);
  }

  /// Zeros if the atom is not finite, so that no index of the table goes astray.
  HOTPP_DEVICE bool load(int i, double* to) const {
    bool good = true;
    HOTPP_UNROLL for (int a = 0; a < 3; ++a) to[a] = atoms.positions[3LL * i + a];
    to[3] = atoms.charges[i];
    if constexpr (Dipoles) {
      HOTPP_UNROLL for (int a = 0; a < 3; ++a) to[4 + a] = atoms.dipoles[3LL * i + a];
    }
    for (int k = 0; k < numbers; ++k) good = good && finite(to[k]);
    if (!good)
      for (int k = 0; k < numbers; ++k) to[k] = 0.0;
    return good;
  }

  HOTPP_DEVICE void add(const double* i, const double* j, PairSums& sum, bool& beyond) const {
    double d[3], b[Dipoles ? 4 : 2];
    HOTPP_UNROLL for (int a = 0; a < 3; ++a) d[a] = i[a] - j[a];
    const double r = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    if (!(r <= farthest)) beyond = true;
    radial.lookup<Dipoles ? 4 : 2>(r, b);
    if constexpr (!Dipoles) {
      sum.phi += j[3] * b[0];
      HOTPP_UNROLL for (int a = 0; a < 3; ++a) sum.f[a] -= i[3] * j[3] * b[1] * d[a];
      HOTPP_UNROLL for (int a = 0; a < 3; ++a) sum.g[a] -= j[3] * b[1] * d[a];
    } else {
      double along = 0.0, along_j = 0.0, both = 0.0;
      HOTPP_UNROLL for (int a = 0; a < 3; ++a) {
        along += i[4 + a] * d[a];
        along_j += j[4 + a] * d[a];
        both += i[4 + a] * j[4 + a];
      }
      sum.phi += j[3] * b[0] + along_j * b[1];
      const double inward = j[3] * b[1] + along_j * b[2];
      const double crossed = i[3] * along_j - j[3] * along;
      const double outward = i[3] * j[3] * b[1] + (crossed + both) * b[2] - along * along_j * b[3];
      const double mine = -j[3] * b[1] - along_j * b[2], others = i[3] * b[1] - along * b[2];
      HOTPP_UNROLL for (int a = 0; a < 3; ++a) {
        sum.g[a] += j[4 + a] * b[1] - d[a] * inward;
        sum.f[a] += mine * i[4 + a] + others * j[4 + a] - d[a] * outward;
      }
    }
  }
};

/// Writes the caller's outputs; the last block sums energy and strain derivative, which moves the atoms only.
struct FinishPairs {
  static constexpr int threads = sum_width, columns = 10;

  int n;
  DeviceAtoms atoms;
  DeviceOutput output;
  double self_charge, self_dipole;  ///< B0(0) and B1(0), which every source does to itself, or 0
  const PairSums* sums;
  double* partial_sums;  ///< [blocks, columns]
  State* state;

  using Shared = Sums<columns>;
  static std::size_t shared_bytes() { return sizeof(Shared); }
  int grid() const { return n > 0 ? (n + threads - 1) / threads : 1; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& shared = *static_cast<Shared*>(block.shared());
    const int begin = block.index() * threads;
    block.each(threads, [&](int t) {
      double sum[columns] = {};
      if (begin + t < n) write(begin + t, sum);
      HOTPP_UNROLL for (int c = 0; c < columns; ++c) shared.part[c][t] = sum[c];
    });
    shared.reduce(block);
    block.each(columns, [&](int c) { partial_sums[columns * block.index() + c] = shared.total[c]; });
    if (!block.is_last(&state->arrivals[0])) return;
    shared.reduce_rows(block, partial_sums, block.blocks());
    block.each(columns, [&](int c) {
      const double value = state->problems ? not_a_number() : shared.total[c];
      if (c == 0 && output.energy) *output.energy = value;
      if (c > 0 && output.strain_derivative) output.strain_derivative[c - 1] = value;
    });
    block.each(1, [&](int) {
      if (state->problems == 0) return;
      state->reported_problems |= state->problems;
      if (state->problem_atom < state->reported_atom) state->reported_atom = state->problem_atom;
    });
  }

 private:
  HOTPP_DEVICE void write(int i, double* sum) const {
    const PairSums& mine = sums[i];
    const bool dipoles = atoms.dipoles.data != nullptr, wrong = state->problems != 0;
    const double q = atoms.charges[i], phi = mine.phi + self_charge * q;
    double energy = q * phi;
    if (output.potential.data) output.potential.store(i, wrong ? not_a_number() : coulomb_constant * phi);
    for (int a = 0; a < 3; ++a) {
      const double mu = dipoles ? static_cast<double>(atoms.dipoles[3LL * i + a]) : 0.0;
      const double g = mine.g[a] + self_dipole * mu;
      energy += mu * g;
      if (output.field.data) output.field.store(3LL * i + a, wrong ? not_a_number() : -coulomb_constant * g);
      if (output.forces.data)
        output.forces.store(3LL * i + a, wrong ? not_a_number() : -coulomb_constant * mine.f[a]);
      for (int b = 0; b < 3; ++b)
        sum[1 + 3 * a + b] = coulomb_constant * mine.f[a] * atoms.positions[3LL * i + b];
    }
    sum[0] = 0.5 * coulomb_constant * energy;
  }
};

}  // namespace hotpp::pme::cuda
