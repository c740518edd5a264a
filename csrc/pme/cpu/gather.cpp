// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/gather.h"

#include "pme/cpu/clones.h"
#include "pme/cpu/threads.h"
#include "pme/splines.h"

namespace hotpp::pme {
namespace {

template <class Real, int W>
inline Real dot(const Real* a, const Real* b) {
  Real sum = 0;
  for (int j = 0; j < W; ++j) sum += a[j] * b[j];
  return sum;
}

template <class Real, int W>
inline void add(Real factor, const Real* values, Real* sum) {
  for (int j = 0; j < W; ++j) sum[j] += factor * values[j];
}

/// Sums over x and y are taken for the whole z row at once; only the last step is a sum along z.
/// a, b, c: the plane summed with y, y', y''; s_ij: with x^(i) and y^(j).
template <class Real, int P, bool Hessian>
HOTPP_CLONES void gather_range(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, std::int64_t begin,
                               std::int64_t end, const Real* mesh, Real* derivatives) {
  constexpr int W = padded_order(P);
  const int k1 = grid.points[0], k2 = grid.points[1];
  for (std::int64_t i = begin; i < end; ++i) {
    const MeshAtom<Real>& atom = atoms[i];
    alignas(cache_line) Real x[3][W], y[3][W], z[3][W];
    spline_weights<P, 0, W>(atom.offset[0], x[0]);
    spline_weights<P, 0, W>(atom.offset[1], y[0]);
    spline_weights<P, 0, W>(atom.offset[2], z[0]);
    spline_weights<P, 1, W>(atom.offset[0], x[1]);
    spline_weights<P, 1, W>(atom.offset[1], y[1]);
    spline_weights<P, 1, W>(atom.offset[2], z[1]);
    if constexpr (Hessian) {
      spline_weights<P, 2, W>(atom.offset[0], x[2]);
      spline_weights<P, 2, W>(atom.offset[1], y[2]);
      spline_weights<P, 2, W>(atom.offset[2], z[2]);
    }
    alignas(cache_line) Real s00[W] = {}, s10[W] = {}, s01[W] = {}, s20[W] = {}, s02[W] = {}, s11[W] = {};
    for (int lx = 0; lx < P; ++lx) {
      int ix = atom.first[0] + lx;
      if (ix >= k1) ix -= k1;
      const Real* const plane = mesh + ix * grid.plane + atom.first[2];
      alignas(cache_line) Real a[W] = {}, b[W] = {}, c[W] = {};
      for (int ly = 0; ly < P; ++ly) {
        int iy = atom.first[1] + ly;
        if (iy >= k2) iy -= k2;
        const Real* const row = plane + iy * grid.row;
        add<Real, W>(y[0][ly], row, a);
        add<Real, W>(y[1][ly], row, b);
        if constexpr (Hessian) add<Real, W>(y[2][ly], row, c);
      }
      add<Real, W>(x[0][lx], a, s00);
      add<Real, W>(x[1][lx], a, s10);
      add<Real, W>(x[0][lx], b, s01);
      if constexpr (Hessian) {
        add<Real, W>(x[2][lx], a, s20);
        add<Real, W>(x[0][lx], c, s02);
        add<Real, W>(x[1][lx], b, s11);
      }
    }
    Real* const d = derivatives + derivatives_per_atom * i;
    d[0] = dot<Real, W>(s00, z[0]);
    d[1] = dot<Real, W>(s10, z[0]);
    d[2] = dot<Real, W>(s01, z[0]);
    d[3] = dot<Real, W>(s00, z[1]);
    if constexpr (Hessian) {
      d[4] = dot<Real, W>(s20, z[0]);
      d[5] = dot<Real, W>(s02, z[0]);
      d[6] = dot<Real, W>(s00, z[2]);
      d[7] = dot<Real, W>(s11, z[0]);
      d[8] = dot<Real, W>(s10, z[1]);
      d[9] = dot<Real, W>(s01, z[1]);
    } else {
      for (int j = 4; j < derivatives_per_atom; ++j) d[j] = Real(0);
    }
  }
}

}  // namespace

template <class Real>
void fill_halo(const Grid<Real>& grid, int x, Real* mesh) {
  for (int y = 0; y < grid.points[1]; ++y) {
    Real* const row = mesh + x * grid.plane + y * grid.row;
    for (int j = 0; j < grid.order - 1; ++j) row[grid.points[2] + j] = row[j];
  }
}

template <class Real>
void gather(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, const Real* mesh, bool hessian,
            Real* derivatives) {
  constexpr std::int64_t block = 64;
  const std::int64_t n = atoms.size(), blocks = (n + block - 1) / block;
  with_order(grid.order, [&](auto order) {
    constexpr int P = decltype(order)::value;
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < blocks; ++k) {
      const std::int64_t begin = k * block, end = begin + block < n ? begin + block : n;
      if (hessian)
        gather_range<Real, P, true>(grid, atoms, begin, end, mesh, derivatives);
      else
        gather_range<Real, P, false>(grid, atoms, begin, end, mesh, derivatives);
    }
  });
}

template void fill_halo(const Grid<float>&, int, float*);
template void fill_halo(const Grid<double>&, int, double*);
template void gather(const Grid<float>&, const SortedAtoms<float>&, const float*, bool, float*);
template void gather(const Grid<double>&, const SortedAtoms<double>&, const double*, bool, double*);

}  // namespace hotpp::pme
