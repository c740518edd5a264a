// SPDX-License-Identifier: GPL-2.0-or-later
//
// A block of atoms in planes of padded channels, for one instruction set: where a quantity of one, three or
// six components per atom lies, and the matrices of a layer applied to all its rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "ops/atom_update_matrix.h"
#include "ops/atom_update_numbers.h"

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
template <class N, class Real>
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
      if (more)
        product<Start::sum>(per, in, matrix, out, nullptr);
      else
        product<start>(per, in, matrix, out, job.weights + bias);
      if constexpr (is_dual<N, Real>) {
        constexpr Start start_of_tangent = start == Start::bias ? Start::zero : start;
        if (more)
          product<Start::sum>(per, in + job.to_tangent, matrix, out + job.to_tangent, nullptr);
        else
          product<start_of_tangent>(per, in + job.to_tangent, matrix, out + job.to_tangent, nullptr);
      }
      more = true;
      matrix += size;
    }
  }

  /// Channel mixing, one matrix per rank, of planes.
  void mix(const Message<Real*>& in, std::int64_t matrix, const Message<Real*>& out) const {
    apply<Start::zero>(1, {in.s}, matrix, out.s);
    if (job.rank >= 1) apply<Start::zero>(3, {in.v}, matrix + size, out.v);
    if (job.rank >= 2) apply<Start::zero>(6, {in.t}, matrix + 2 * size, out.t);
  }

  /// Channel mixing of features in memory, [n, components, C]; `start` with what out holds.
  template <Start start>
  void mix_from_memory(const Real* features, std::int64_t matrix, const Message<Real*>& out) const {
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

 private:
  template <Start start>
  void product(int per, const Real* in, std::int64_t matrix, Real* out, const Real* bias) const {
    const Rows<Real> rows{in, std::ptrdiff_t(job.row), 0, 1, per * block.padded};
    multiply<start, Real>(rows, per * block.padded, job.channels, weights + matrix, job.row, bias, out);
  }
};

/// The planes of tangents.
template <class Real>
HOTPP_INLINE Message<Real*> tangents(const UpdateJob<Real>& job, const Message<Real*>& h) {
  return {h.s + job.to_tangent, h.v ? h.v + job.to_tangent : nullptr, h.t ? h.t + job.to_tangent : nullptr};
}

/// Numbers at channel c of `component` of features in memory, [n, feature_components, C], of a row of the
/// layer before.
template <class N, class Real>
HOTPP_INLINE N old_feature(const UpdateJob<Real>& job, std::int64_t atom, int component, int c) {
  const std::ptrdiff_t at = (atom * job.feature_components + component) * job.channels + c;
  const Vec<Real> value = load_some(job.features + at, job.channels - c);
  if constexpr (is_dual<N, Real>)
    return {value,
            job.features_tangent ? load_some(job.features_tangent + at, job.channels - c) : Vec<Real>{}};
  else
    return value;
}

template <class Real>
void clear_planes(const UpdateJob<Real>& job, const Block& block, const Message<Real*>& h) {
  const auto clear = [&](Real* plane, int per) {
    for (std::ptrdiff_t k = 0; k < std::ptrdiff_t(per) * block.padded * job.row; ++k) plane[k] = 0;
  };
  clear(h.s, 1);
  if (job.rank >= 1) clear(h.v, 3);
  if (job.rank >= 2) clear(h.t, 6);
}

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
