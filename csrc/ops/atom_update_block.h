// SPDX-License-Identifier: GPL-2.0-or-later
//
// A block of atoms in planes of padded channels, for one instruction set: where a quantity of one, three or
// six components per atom lies, and the matrices of a layer applied to all its rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "ops/atom_update_gates.h"
#include "ops/atom_update_kernels.h"
#include "ops/atom_update_matrix.h"

namespace hotpp::ops::HOTPP_ISA {

/// Rows and columns of the six stored components of a symmetric tensor.
constexpr int tensor_index[6][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};

/// Atoms [first, first + count), and the number of them that the matrix products see: a multiple of six.
struct Block {
  std::int64_t first;
  int count, padded;

  HOTPP_INLINE Block(std::int64_t first_, int count_)
      : first(first_),
        count(count_),
        padded((count_ + rows_at_a_time - 1) / rows_at_a_time * rows_at_a_time) {}
  /// Index of the atom; atoms that only pad are the last one once more.
  HOTPP_INLINE std::int64_t clamped(int atom) const { return first + (atom < count ? atom : count - 1); }
};

/// Scalars, vectors and tensors of a block: [atom, row], [atom, 3, row], [atom, 6, row].
template <class Pointer>
struct Message {
  Pointer s, v, t;
};

/// Where the components of an atom lie, channels from c on.
struct Place {
  std::ptrdiff_t row, atom;
  int c;

  HOTPP_INLINE Place(int row_, int atom_, int c_) : row(row_), atom(atom_), c(c_) {}
  HOTPP_INLINE std::ptrdiff_t one(int) const { return atom * row + c; }
  HOTPP_INLINE std::ptrdiff_t three(int a) const { return (atom * 3 + a) * row + c; }
  HOTPP_INLINE std::ptrdiff_t six(int a) const { return (atom * 6 + a) * row + c; }
};

/// body(atom, c) for every register of every atom.
template <class Real, class Body>
HOTPP_INLINE void for_each_lane(const UpdateJob<Real>& job, int atoms, const Body& body) {
  for (int atom = 0; atom < atoms; ++atom)
    for (int c = 0; c < job.row; c += lanes<Real>) body(atom, c);
}

/// The first `count` numbers at p (at most a register), zeros behind them.
template <class Real>
HOTPP_INLINE Vec<Real> load_some(const Real* p, int count) {
  if (count >= lanes<Real>) return load(p);
  Real numbers[lanes<Real>] = {};
  for (int j = 0; j < count; ++j) numbers[j] = p[j];
  return load(numbers);
}
template <class Real>
HOTPP_INLINE void store_some(Real* p, int count, Vec<Real> v) {
  if (count >= lanes<Real>) return store(p, v);
  Real numbers[lanes<Real>];
  store(numbers, v);
  for (int j = 0; j < count; ++j) p[j] = numbers[j];
}

template <class Real>
HOTPP_INLINE Real add_lanes(Vec<Real> v) {
  Real numbers[lanes<Real>];
  store(numbers, v);
  for (int half = lanes<Real> / 2; half > 0; half /= 2)
    for (int j = 0; j < half; ++j) numbers[j] += numbers[j + half];
  return numbers[0];
}

/// Planes of a thread's scratch memory, one after the other.
template <class Real>
struct Scratch {
  Real* next;
  int row;

  HOTPP_INLINE Scratch(Real* memory, int row_) : next(memory), row(row_) {}
  HOTPP_INLINE Real* take(int planes) {
    Real* const first = next;
    next += std::ptrdiff_t(planes) * kBlockAtoms * row;
    return first;
  }
};

/// The matrices of a layer, or their transposes, applied to the rows of a block.
template <class Real>
struct Matrices {
  const UpdateJob<Real>& job;
  const Block& block;
  const Real* weights;
  std::ptrdiff_t size;

  HOTPP_INLINE Matrices(const UpdateJob<Real>& job_, const Block& block_, bool transposed)
      : job(job_),
        block(block_),
        weights(job_.weights + (transposed ? job_.at.transposed : 0)),
        size(std::ptrdiff_t(job_.channels) * job_.row) {}

  /// out = (0 | bias | out) + Σ_k in_k matrix_k for planes of `per` components; inputs end at the first null.
  template <Start start>
  void apply(int per, std::initializer_list<const Real*> inputs, std::int64_t matrix, Real* out,
             std::int64_t bias = 0) const {
    bool more = false;
    for (const Real* in : inputs) {
      if (!in) break;
      const Rows<Real> rows{in, std::ptrdiff_t(job.row), 0, 1, per * block.padded};
      if (more)
        multiply<Start::sum, Real>(rows, per * block.padded, job.channels, weights + matrix, job.row, nullptr,
                                   out);
      else
        multiply<start, Real>(rows, per * block.padded, job.channels, weights + matrix, job.row,
                              job.weights + bias, out);
      more = true;
      matrix += size;
    }
  }

  /// Channel mixing, one matrix per rank, of planes.
  template <Start start = Start::zero>
  void mix(const Message<Real*>& in, std::int64_t matrix, const Message<Real*>& out) const {
    apply<start>(1, {in.s}, matrix, out.s);
    if (job.rank >= 1) apply<start>(3, {in.v}, matrix + size, out.v);
    if (job.rank >= 2) apply<start>(6, {in.t}, matrix + 2 * size, out.t);
  }

  /// Channel mixing of features in memory, [n, components, C].
  template <Start start = Start::zero>
  void mix(const Real* features, std::int64_t matrix, const Message<Real*>& out) const {
    const std::ptrdiff_t channels = job.channels, outer = channels * job.components;
    const Real* const mine = features + block.first * outer;
    const auto component = [&](int first, int per, std::int64_t at, Real* to) {
      const Rows<Real> rows{mine + first * channels, outer, channels, per, block.count};
      multiply<start, Real>(rows, per * block.padded, job.channels, weights + at, job.row, nullptr, to);
    };
    component(0, 1, matrix, out.s);
    if (job.rank >= 1) component(1, 3, matrix + size, out.v);
    if (job.rank >= 2) component(4, 6, matrix + 2 * size, out.t);
  }
};

/// Planes to memory [n, components, C]; zeros where a plane is null.
template <class Real>
void store_features(const UpdateJob<Real>& job, const Block& block, const Message<Real*>& h, Real* features,
                    int components) {
  for (int atom = 0; atom < block.count; ++atom) {
    Real* const mine = features + (block.first + atom) * components * job.channels;
    for (int a = 0; a < components; ++a) {
      const Real* const plane = a < 1 ? h.s : a < 4 ? h.v : h.t;
      const int per = a < 1 ? 1 : a < 4 ? 3 : 6, k = a < 1 ? 0 : a < 4 ? a - 1 : a - 4;
      const Real* const row = plane ? plane + (std::ptrdiff_t(atom) * per + k) * job.row : nullptr;
      for (int c = 0; c < job.channels; c += lanes<Real>)
        store_some<Real>(mine + std::ptrdiff_t(a) * job.channels + c, job.channels - c,
                         row ? load(row + c) : Vec<Real>{});
    }
  }
}

}  // namespace hotpp::ops::HOTPP_ISA
