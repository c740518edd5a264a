// SPDX-License-Identifier: GPL-2.0-or-later
//
// Products of many short rows with one small matrix, for one instruction set: six rows by a few vector
// registers of columns are accumulated in registers while the matrix streams from the first-level cache.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pme/cpu/simd.h"

namespace hotpp::ops::HOTPP_ISA {

constexpr int vector_bytes = pme::HOTPP_ISA::vector_bytes;
template <class Real>
constexpr int lanes = vector_bytes / static_cast<int>(sizeof(Real));
template <class Real>
using Vec = typename pme::HOTPP_ISA::VectorOf<Real, vector_bytes>::Type;

template <class Real>
HOTPP_INLINE Vec<Real> load(const Real* p) {
  Vec<Real> v;
  __builtin_memcpy(&v, p, vector_bytes);
  return v;
}
template <class Real>
HOTPP_INLINE void store(Real* p, Vec<Real> v) {
  __builtin_memcpy(p, &v, vector_bytes);
}

constexpr int rows_at_a_time = 6;
// Columns at a time: 6 x 4 accumulators of 32 registers, or 6 x 2 of 16.
constexpr int max_columns = vector_bytes == 64 ? 4 : 2;

/// Rows of channels in memory: `per` of them for each atom, `inner` apart, atoms `outer` apart.
/// Rows beyond the last atom are those of the last atom: they are computed and never used.
template <class Real>
struct Rows {
  const Real* first;
  std::ptrdiff_t outer, inner;
  int per, atoms;

  HOTPP_INLINE const Real* operator[](int r) const {
    const int atom = r / per, component = r % per;
    return first + (atom < atoms ? atom : atoms - 1) * outer + component * inner;
  }
};

enum class Start { zero, bias, sum };

template <class Real, int N, Start start>
HOTPP_INLINE void multiply_tile(const Real* const* a, int inputs, const Real* w, std::ptrdiff_t row,
                                const Real* bias, Real* out) {
  constexpr int L = lanes<Real>;
  const Real *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3], *a4 = a[4], *a5 = a[5];
  Vec<Real> sum[rows_at_a_time][N];
  HOTPP_UNROLL_LOOP
  for (int r = 0; r < rows_at_a_time; ++r) {
    HOTPP_UNROLL_LOOP
    for (int n = 0; n < N; ++n) {
      if constexpr (start == Start::zero) sum[r][n] = Vec<Real>{};
      if constexpr (start == Start::bias) sum[r][n] = load(bias + n * L);
      if constexpr (start == Start::sum) sum[r][n] = load(out + r * row + n * L);
    }
  }
  for (int k = 0; k < inputs; ++k, w += row) {
    Vec<Real> column[N];
    HOTPP_UNROLL_LOOP
    for (int n = 0; n < N; ++n) column[n] = load(w + n * L);
    const Real x[rows_at_a_time] = {a0[k], a1[k], a2[k], a3[k], a4[k], a5[k]};
    HOTPP_UNROLL_LOOP
    for (int r = 0; r < rows_at_a_time; ++r) {
      HOTPP_UNROLL_LOOP
      for (int n = 0; n < N; ++n) sum[r][n] += x[r] * column[n];
    }
  }
  HOTPP_UNROLL_LOOP
  for (int r = 0; r < rows_at_a_time; ++r) {
    HOTPP_UNROLL_LOOP
    for (int n = 0; n < N; ++n) store(out + r * row + n * L, sum[r][n]);
  }
}

template <class Real, int N, Start start>
HOTPP_INLINE void multiply_columns(const Rows<Real>& a, int rows, int inputs, const Real* w,
                                   std::ptrdiff_t row, const Real* bias, Real* out) {
  for (int r = 0; r < rows; r += rows_at_a_time) {
    const Real* pointers[rows_at_a_time];
    HOTPP_UNROLL_LOOP
    for (int j = 0; j < rows_at_a_time; ++j) pointers[j] = a[r + j];
    multiply_tile<Real, N, start>(pointers, inputs, w, row, bias, out + r * row);
  }
}

/// out [rows, row] = (0 | bias | out) + a [rows, inputs] w [inputs, row]; rows: a multiple of 6, row of 16.
template <Start start, class Real>
void multiply(const Rows<Real>& a, int rows, int inputs, const Real* w, int row, const Real* bias,
              Real* out) {
  constexpr int L = lanes<Real>;
  int column = 0;
  for (; column + max_columns * L <= row; column += max_columns * L)
    multiply_columns<Real, max_columns, start>(a, rows, inputs, w + column, row, bias + column, out + column);
  if constexpr (max_columns == 4) {
    switch ((row - column) / L) {
      case 3:
        multiply_columns<Real, 3, start>(a, rows, inputs, w + column, row, bias + column, out + column);
        break;
      case 2:
        multiply_columns<Real, 2, start>(a, rows, inputs, w + column, row, bias + column, out + column);
        break;
      case 1:
        multiply_columns<Real, 1, start>(a, rows, inputs, w + column, row, bias + column, out + column);
        break;
      default:
        break;
    }
  }
}

}  // namespace hotpp::ops::HOTPP_ISA
