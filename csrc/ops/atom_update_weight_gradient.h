// SPDX-License-Identifier: GPL-2.0-or-later
//
// Gradients by the matrices, biases and read-out rows of a layer, summed over the atoms of a block, for one
// instruction set. With duals: the derivative of those gradients along the tangent.
#pragma once

#include "ops/atom_update_block.h"

namespace hotpp::ops::HOTPP_ISA {

/// out [I, row] += Σ_r a_r[i] delta_r for I inputs and N registers of columns.
template <class Real, int I, int N>
HOTPP_INLINE void add_outer_tile(const Real* const* a, const Real* delta, int rows, int input,
                                 std::ptrdiff_t row, Real* out) {
  constexpr int L = lanes<Real>;
  Vec<Real> sum[I][N];
  HOTPP_UNROLL_LOOP
  for (int i = 0; i < I; ++i) HOTPP_UNROLL_LOOP
  for (int n = 0; n < N; ++n) sum[i][n] = load(out + i * row + n * L);
  for (int r = 0; r < rows; ++r, delta += row) {
    Vec<Real> column[N];
    HOTPP_UNROLL_LOOP
    for (int n = 0; n < N; ++n) column[n] = load(delta + n * L);
    HOTPP_UNROLL_LOOP
    for (int i = 0; i < I; ++i) {
      const Real x = a[r][input + i];
      HOTPP_UNROLL_LOOP
      for (int n = 0; n < N; ++n) sum[i][n] += x * column[n];
    }
  }
  HOTPP_UNROLL_LOOP
  for (int i = 0; i < I; ++i) HOTPP_UNROLL_LOOP
  for (int n = 0; n < N; ++n) store(out + i * row + n * L, sum[i][n]);
}

template <class Real, int N>
HOTPP_INLINE void add_outer_columns(const Real* const* a, const Real* delta, int rows, int inputs,
                                    std::ptrdiff_t row, Real* out) {
  int input = 0;
  for (; input + 4 <= inputs; input += 4)
    add_outer_tile<Real, 4, N>(a, delta, rows, input, row, out + input * row);
  for (; input < inputs; ++input) add_outer_tile<Real, 1, N>(a, delta, rows, input, row, out + input * row);
}

/// out [inputs, row] += aᵀ delta over `rows` rows.
template <class Real>
void add_outer(const Rows<Real>& a, const Real* delta, int rows, int inputs, int row, Real* out) {
  constexpr int L = lanes<Real>, N = max_columns;
  const Real* pointers[6 * kBlockAtoms];
  for (int r = 0; r < rows; ++r) pointers[r] = a[r];
  int column = 0;
  for (; column + N * L <= row; column += N * L)
    add_outer_columns<Real, N>(pointers, delta + column, rows, inputs, row, out + column);
  for (; column < row; column += L)
    add_outer_columns<Real, 1>(pointers, delta + column, rows, inputs, row, out + column);
}

/// Gradients of one block, added to job.weights_gradient; without it nothing is done.
template <class N, class Real>
struct WeightGradient {
  const UpdateJob<Real>& job;
  const Block& block;
  std::ptrdiff_t size;

  HOTPP_INLINE WeightGradient(const UpdateJob<Real>& job_, const Block& block_)
      : job(job_), block(block_), size(std::ptrdiff_t(job_.channels) * job_.row) {}

  /// result = Σ_k input_k matrix_k: inputs end at the first null; by_result: planes of `per` components.
  void matrices(int per, std::initializer_list<const Real*> inputs, const Real* by_result,
                std::int64_t matrix) const {
    if (!job.weights_gradient) return;
    for (const Real* in : inputs) {
      if (!in) break;
      const auto rows = [&](const Real* p) {
        return Rows<Real>{p, std::ptrdiff_t(job.row), 0, 1, per * block.count};
      };
      add(rows(in), rows(in + job.to_tangent), per, by_result, matrix);
      matrix += size;
    }
  }

  void mix(const Message<Real*>& in, const Message<Real*>& by_result, std::int64_t matrix) const {
    matrices(1, {in.s}, by_result.s, matrix);
    if (job.rank >= 1) matrices(3, {in.v}, by_result.v, matrix + size);
    if (job.rank >= 2) matrices(6, {in.t}, by_result.t, matrix + 2 * size);
  }

  /// The same for messages in memory and their tangent.
  void mix_from_memory(const Message<Real*>& by_result, std::int64_t matrix) const {
    if (!job.weights_gradient) return;
    const std::ptrdiff_t channels = job.channels, outer = channels * job.components;
    const auto component = [&](int first, int per, const Real* by, std::int64_t at) {
      const auto rows = [&](const Real* p) {
        return Rows<Real>{p + block.first * outer + first * channels, outer, channels, per, block.count};
      };
      if (is_dual<N, Real> && !job.messages_tangent) {
        add_outer(rows(job.messages), by + job.to_tangent, per * block.count, job.channels, job.row,
                  job.weights_gradient + at);
      } else {
        add(rows(job.messages), rows(is_dual<N, Real> ? job.messages_tangent : job.messages), per, by, at);
      }
    };
    component(0, 1, by_result.s, matrix);
    if (job.rank >= 1) component(1, 3, by_result.v, matrix + size);
    if (job.rank >= 2) component(4, 6, by_result.t, matrix + 2 * size);
  }

  /// out_c += Σ_atoms weight(atom, c), a number per register of channels.
  template <class Weight>
  HOTPP_INLINE void row(std::int64_t at, const Weight& weight) const {
    if (!job.weights_gradient) return;
    Real* const out = job.weights_gradient + at - job.at.transposed;
    for (int c = 0; c < job.row; c += lanes<Real>) {
      Vec<Real> sum = load(out + c);
      for (int atom = 0; atom < block.count; ++atom) sum += result<Real>(weight(atom, c));
      store(out + c, sum);
    }
  }
  void bias(const Real* by_result, std::int64_t at) const {
    row(at, [&](int atom, int c) { return get<N>(job, by_result + std::ptrdiff_t(atom) * job.row + c); });
  }

 private:
  void add(const Rows<Real>& in, const Rows<Real>& in_tangent, int per, const Real* by_result,
           std::int64_t matrix) const {
    Real* const out = job.weights_gradient + matrix;
    const int rows = per * block.count;
    if constexpr (is_dual<N, Real>) {
      add_outer(in, by_result + job.to_tangent, rows, job.channels, job.row, out);
      add_outer(in_tangent, by_result, rows, job.channels, job.row, out);
    } else {
      add_outer(in, by_result, rows, job.channels, job.row, out);
    }
  }
};

}  // namespace hotpp::ops::HOTPP_ISA
