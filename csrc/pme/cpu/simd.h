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
