// SPDX-License-Identifier: GPL-2.0-or-later
// Spread and gather of any rank for one instruction set; see simd.h for the namespace.
//
// Both are separable. With X_i, Y_j, Z_k the i-th, j-th, k-th derivatives of the weights along the axes:
//   spread: a_ij = sum_k coefficient_ijk Z_k (rows along z), u_j(lx) = sum_i X_i[lx] a_ij,
//           row(lx, ly) += sum_j Y_j[ly] u_j: rank + 1 multiply-adds per row
//   gather: r_j(lx) = sum_ly Y_j[ly] row(lx, ly), s_ij += X_i[lx] r_j, derivative_ijk = sum_z s_ij Z_k
#pragma once

#include "pme/cpu/kernels.h"
#include "pme/cpu/simd.h"

namespace hotpp::pme::HOTPP_ISA {

/// Weights of one axis and their derivatives up to L, by Horner's scheme for a polynomial and its
/// derivatives.
template <class Real, int P, int L>
struct Weights {
  static constexpr int W = padded_order(P);
  Row<Real, W> d[L + 1];

  explicit HOTPP_INLINE Weights(Real t) {
    alignas(64) static constexpr auto polynomials = weight_polynomials<Real, P, W>(0);
    d[0] = Row<Real, W>::load(polynomials.c[P - 1]);
    HOTPP_UNROLL_LOOP
    for (int step = 1; step < P; ++step) {
      HOTPP_UNROLL_LOOP
      for (int l = L; l >= 1; --l) {
        if (step > l) d[l] = t * d[l] + d[l - 1];
        if (step == l) d[l] = d[l - 1];
      }
      d[0] = t * d[0] + Row<Real, W>::load(polynomials.c[P - 1 - step]);
    }
    if constexpr (L >= 2) d[2] = Real(2) * d[2];
    if constexpr (L >= 3) d[3] = Real(6) * d[3];
  }
};

/// The same as plain numbers, for the axes whose weights are factors of whole rows.
template <class Real, int P, int L>
struct Factors {
  static constexpr int W = padded_order(P);
  alignas(64) Real d[L + 1][W];

  explicit HOTPP_INLINE Factors(Real t) {
    const Weights<Real, P, L> weights(t);
    HOTPP_UNROLL_LOOP
    for (int l = 0; l <= L; ++l) weights.d[l].store(d[l]);
  }
};

/// Rows (x, first .. first + P - 1) of a plane; Wrap: they may go past the last one.
template <class Real, bool Wrap>
struct Rows {
  Real* plane;
  std::ptrdiff_t row;
  int first, k2;

  HOTPP_INLINE Real* operator[](int ly) const {
    if constexpr (Wrap) return plane + (first + ly < k2 ? first + ly : first + ly - k2) * row;
    return plane + (first + ly) * row;
  }
};

template <class Real, int P, int L, bool Wrap>
HOTPP_INLINE void spread_atom(const MeshView<Real>& mesh, const MeshAtom<Real>& atom,
                              const Real* coefficients, int shift, int x0, int x1) {
  constexpr int W = padded_order(P);
  const Factors<Real, P, L> x(atom.offset[0]), y(atom.offset[1]);
  const Weights<Real, P, L> z(atom.offset[2]);
  Row<Real, W> a[L + 1][L + 1];
  HOTPP_UNROLL_LOOP
  for (int i = 0; i <= L; ++i) HOTPP_UNROLL_LOOP
  for (int j = 0; i + j <= L; ++j) {
    a[i][j] = coefficients[component_of.at[i][j][0]] * z.d[0];
    HOTPP_UNROLL_LOOP
    for (int k = 1; i + j + k <= L; ++k) a[i][j] = coefficients[component_of.at[i][j][k]] * z.d[k] + a[i][j];
  }
  const int first = atom.first[0] + shift;
  const int begin = x0 > first ? x0 - first : 0, end = x1 - first < P ? x1 - first : P;
  for (int lx = begin; lx < end; ++lx) {
    const Rows<Real, Wrap> rows{mesh.data + (first + lx) * mesh.plane + atom.first[2], mesh.row,
                                atom.first[1], mesh.k2};
    Row<Real, W> u[L + 1];
    HOTPP_UNROLL_LOOP
    for (int j = 0; j <= L; ++j) {
      u[j] = x.d[0][lx] * a[0][j];
      HOTPP_UNROLL_LOOP
      for (int i = 1; i + j <= L; ++i) u[j] = x.d[i][lx] * a[i][j] + u[j];
    }
    HOTPP_UNROLL_LOOP
    for (int ly = 0; ly < P; ++ly) {
      Real* const p = rows[ly];
      Row<Real, W> row = Row<Real, W>::load(p);
      HOTPP_UNROLL_LOOP
      for (int j = 0; j <= L; ++j) row = y.d[j][ly] * u[j] + row;
      row.store(p);
    }
  }
}

template <class Real, int P, int L, bool Wrap>
HOTPP_INLINE void gather_atom(const MeshView<const Real>& mesh, const MeshAtom<Real>& atom,
                              Real* derivatives) {
  constexpr int W = padded_order(P);
  const Factors<Real, P, L> x(atom.offset[0]), y(atom.offset[1]);
  Row<Real, W> s[L + 1][L + 1];
  for (int lx = 0; lx < P; ++lx) {
    const int ix = atom.first[0] + lx < mesh.k1 ? atom.first[0] + lx : atom.first[0] + lx - mesh.k1;
    const Rows<const Real, Wrap> rows{mesh.data + ix * mesh.plane + atom.first[2], mesh.row, atom.first[1],
                                      mesh.k2};
    Row<Real, W> r[L + 1];
    HOTPP_UNROLL_LOOP
    for (int ly = 0; ly < P; ++ly) {
      const Row<Real, W> row = Row<Real, W>::load(rows[ly]);
      HOTPP_UNROLL_LOOP
      for (int j = 0; j <= L; ++j) r[j] = ly == 0 ? y.d[j][ly] * row : y.d[j][ly] * row + r[j];
    }
    HOTPP_UNROLL_LOOP
    for (int i = 0; i <= L; ++i) HOTPP_UNROLL_LOOP
    for (int j = 0; i + j <= L; ++j) s[i][j] = lx == 0 ? x.d[i][lx] * r[j] : x.d[i][lx] * r[j] + s[i][j];
  }
  const Weights<Real, P, L> z(atom.offset[2]);
  HOTPP_UNROLL_LOOP
  for (int i = 0; i <= L; ++i) HOTPP_UNROLL_LOOP
  for (int j = 0; i + j <= L; ++j) HOTPP_UNROLL_LOOP
  for (int k = 0; i + j + k <= L; ++k) derivatives[component_of.at[i][j][k]] = sum(s[i][j] * z.d[k]);
}

template <class Real, int P, int L>
void spread_range(const MeshView<Real>& view, const MeshAtom<Real>* atoms, const Real* coefficients,
                  std::int64_t begin, std::int64_t end, int shift, int x0, int x1) {
  const MeshView<Real> mesh = view;  // a copy: the mesh that is written is not this one
  for (std::int64_t i = begin; i < end; ++i) {
    const Real* const c = coefficients + i * components(L);
    if (atoms[i].first[1] + P <= mesh.k2)
      spread_atom<Real, P, L, false>(mesh, atoms[i], c, shift, x0, x1);
    else
      spread_atom<Real, P, L, true>(mesh, atoms[i], c, shift, x0, x1);
  }
}

template <class Real, int P, int L>
void gather_range(const MeshView<const Real>& mesh, const MeshAtom<Real>* atoms, std::int64_t begin,
                  std::int64_t end, Real* derivatives) {
  for (std::int64_t i = begin; i < end; ++i, derivatives += components(L)) {
    if (atoms[i].first[1] + P <= mesh.k2)
      gather_atom<Real, P, L, false>(mesh, atoms[i], derivatives);
    else
      gather_atom<Real, P, L, true>(mesh, atoms[i], derivatives);
  }
}

}  // namespace hotpp::pme::HOTPP_ISA
