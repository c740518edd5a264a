// SPDX-License-Identifier: GPL-2.0-or-later
// A few mesh points side by side in vector registers: the compiler's own vectors, no intrinsics, so that the
// same source serves every processor.
//
// Everything is in a namespace named after the instruction set (HOTPP_ISA): inline functions of two sets with
// one name would be merged by the linker, and a machine without AVX-512 might get the one with it.
#pragma once

#ifndef HOTPP_ISA
#error "cpu/simd.h is for the kernel files only, which define HOTPP_ISA"
#endif

#define HOTPP_INLINE inline __attribute__((always_inline))
// Arrays of vectors become registers only where the loops over them are gone.
#if defined(__GNUC__) && !defined(__clang__)
#define HOTPP_UNROLL_LOOP _Pragma("GCC unroll 16")
#elif defined(__clang__)
#define HOTPP_UNROLL_LOOP _Pragma("clang loop unroll(full)")
#else
#define HOTPP_UNROLL_LOOP
#endif

namespace hotpp::pme::HOTPP_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

template <class Real, int bytes>
struct VectorOf;
#define HOTPP_VECTOR(REAL, BYTES)                          \
  template <>                                              \
  struct VectorOf<REAL, BYTES> {                           \
    typedef REAL Type __attribute__((vector_size(BYTES))); \
  };
HOTPP_VECTOR(float, 16)
HOTPP_VECTOR(float, 32)
HOTPP_VECTOR(float, 64)
HOTPP_VECTOR(double, 16)
HOTPP_VECTOR(double, 32)
HOTPP_VECTOR(double, 64)
#undef HOTPP_VECTOR

/// W consecutive numbers.
template <class Real, int W>
struct Row {
  static constexpr int all_bytes = W * static_cast<int>(sizeof(Real));
  static constexpr int bytes = all_bytes < vector_bytes ? all_bytes : vector_bytes;
  static constexpr int count = all_bytes / bytes, lanes = bytes / static_cast<int>(sizeof(Real));
  using Vector = typename VectorOf<Real, bytes>::Type;
  Vector v[count];

  static HOTPP_INLINE Row load(const Real* p) {  // any alignment
    Row r;
    for (int n = 0; n < count; ++n) __builtin_memcpy(&r.v[n], p + n * lanes, bytes);
    return r;
  }
  HOTPP_INLINE void store(Real* p) const {
    for (int n = 0; n < count; ++n) __builtin_memcpy(p + n * lanes, &v[n], bytes);
  }
};

template <class Real, int W>
HOTPP_INLINE Row<Real, W> broadcast(Real s) {
  Row<Real, W> r;
  for (int n = 0; n < r.count; ++n) r.v[n] = s - typename Row<Real, W>::Vector{};
  return r;
}

template <class Real, int W>
HOTPP_INLINE Row<Real, W> maximum(const Row<Real, W>& a, const Row<Real, W>& b) {
  Row<Real, W> r;
  for (int n = 0; n < a.count; ++n) r.v[n] = a.v[n] > b.v[n] ? a.v[n] : b.v[n];
  return r;
}

/// a where x <= limit, else 0.
template <class Real, int W>
HOTPP_INLINE Row<Real, W> where_not_above(const Row<Real, W>& x, Real limit, const Row<Real, W>& a) {
  Row<Real, W> r;
  for (int n = 0; n < a.count; ++n) r.v[n] = x.v[n] <= limit ? a.v[n] : typename Row<Real, W>::Vector{};
  return r;
}

template <class Real, int W>
HOTPP_INLINE Row<Real, W> operator/(const Row<Real, W>& a, const Row<Real, W>& b) {
  Row<Real, W> r;
  for (int n = 0; n < a.count; ++n) r.v[n] = a.v[n] / b.v[n];
  return r;
}

template <class Real, int W>
HOTPP_INLINE Row<Real, W> operator*(Real s, const Row<Real, W>& a) {
  Row<Real, W> r;
  for (int n = 0; n < a.count; ++n) r.v[n] = s * a.v[n];
  return r;
}

template <class Real, int W>
HOTPP_INLINE Row<Real, W> operator*(const Row<Real, W>& a, const Row<Real, W>& b) {
  Row<Real, W> r;
  for (int n = 0; n < a.count; ++n) r.v[n] = a.v[n] * b.v[n];
  return r;
}

template <class Real, int W>
HOTPP_INLINE Row<Real, W> operator+(const Row<Real, W>& a, const Row<Real, W>& b) {
  Row<Real, W> r;
  for (int n = 0; n < a.count; ++n) r.v[n] = a.v[n] + b.v[n];
  return r;
}

template <class Real, int W>
HOTPP_INLINE Row<Real, W> operator-(const Row<Real, W>& a, const Row<Real, W>& b) {
  Row<Real, W> r;
  for (int n = 0; n < a.count; ++n) r.v[n] = a.v[n] - b.v[n];
  return r;
}

/// W rows of W numbers: rows become columns.
template <class Real, int W>
HOTPP_INLINE void transpose(Row<Real, W>* rows) {
  alignas(64) Real numbers[W][W];
  for (int i = 0; i < W; ++i) rows[i].store(numbers[i]);
  for (int i = 0; i < W; ++i) {
    alignas(64) Real column[W];
    for (int j = 0; j < W; ++j) column[j] = numbers[j][i];
    rows[i] = Row<Real, W>::load(column);
  }
}

#if defined(__AVX__)
// The same with the shuffles that the processor has.
HOTPP_INLINE void transpose(Row<float, 8>* rows) {
  using V = Row<float, 8>::Vector;
  V a[8], b[8];
  HOTPP_UNROLL_LOOP
  for (int i = 0; i < 8; i += 2) {
    a[i] = __builtin_shufflevector(rows[i].v[0], rows[i + 1].v[0], 0, 8, 1, 9, 4, 12, 5, 13);
    a[i + 1] = __builtin_shufflevector(rows[i].v[0], rows[i + 1].v[0], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  HOTPP_UNROLL_LOOP
  for (int i = 0; i < 8; i += 4) HOTPP_UNROLL_LOOP
  for (int j = 0; j < 2; ++j) {
    b[i + 2 * j] = __builtin_shufflevector(a[i + j], a[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    b[i + 2 * j + 1] = __builtin_shufflevector(a[i + j], a[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  HOTPP_UNROLL_LOOP
  for (int i = 0; i < 4; ++i) {
    rows[i].v[0] = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    rows[i + 4].v[0] = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

HOTPP_INLINE void transpose(Row<double, 4>* rows) {
  using V = Row<double, 4>::Vector;
  V a[4];
  HOTPP_UNROLL_LOOP
  for (int i = 0; i < 4; i += 2) {
    a[i] = __builtin_shufflevector(rows[i].v[0], rows[i + 1].v[0], 0, 4, 2, 6);
    a[i + 1] = __builtin_shufflevector(rows[i].v[0], rows[i + 1].v[0], 1, 5, 3, 7);
  }
  HOTPP_UNROLL_LOOP
  for (int i = 0; i < 2; ++i) {
    rows[i].v[0] = __builtin_shufflevector(a[i], a[i + 2], 0, 1, 4, 5);
    rows[i + 2].v[0] = __builtin_shufflevector(a[i], a[i + 2], 2, 3, 6, 7);
  }
}
#endif

/// Sum of all the numbers.
template <class Real, int W>
HOTPP_INLINE Real sum(const Row<Real, W>& a) {
  typename Row<Real, W>::Vector s = a.v[0];
  for (int n = 1; n < a.count; ++n) s += a.v[n];
  Real total[a.lanes];
  __builtin_memcpy(total, &s, sizeof(s));
  for (int half = a.lanes / 2; half > 0; half /= 2)
    for (int j = 0; j < half; ++j) total[j] += total[j + half];
  return total[0];
}

}  // namespace hotpp::pme::HOTPP_ISA
