// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/spread.h"

#include <algorithm>

#include "pme/cpu/clones.h"
#include "pme/cpu/threads.h"
#include "pme/splines.h"

namespace hotpp::pme {
namespace {

/// Fills planes [x0, x1) of the mesh with all the atoms that touch them.
template <class Real, int P, bool Dipoles>
HOTPP_CLONES void spread_planes(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, int x0, int x1,
                                Real* mesh) {
  constexpr int W = padded_order(P);
  const auto [k1, k2, k3] = grid.points;
  std::fill(mesh + x0 * grid.plane, mesh + x1 * grid.plane, Real(0));

  // b is the plane an atom begins with, not wrapped: point x gets its atoms from b = x-P+1, ..., x in this
  // order
  for (int b = x0 - P + 1; b < x1; ++b) {
    const int wrapped = b < 0 ? b + k1 : b;
    const std::int64_t end = atoms.plane_begin(wrapped + 1);
    for (std::int64_t i = atoms.plane_begin(wrapped); i < end; ++i) {
      const MeshAtom<Real>& atom = atoms[i];
      alignas(cache_line) Real x[W], y[W], z[W], dx[W], dy[W], dz[W];
      spline_weights<P, 0, W>(atom.offset[0], x);
      spline_weights<P, 0, W>(atom.offset[1], y);
      spline_weights<P, 0, W>(atom.offset[2], z);
      if constexpr (Dipoles) {
        spline_weights<P, 1, W>(atom.offset[0], dx);
        spline_weights<P, 1, W>(atom.offset[1], dy);
        spline_weights<P, 1, W>(atom.offset[2], dz);
        for (int j = 0; j < W; ++j) {
          dx[j] = atom.charge * x[j] + atom.dipole[0] * dx[j];
          dy[j] *= atom.dipole[1];
          dz[j] *= atom.dipole[2];
        }
      } else {
        for (int j = 0; j < W; ++j) x[j] *= atom.charge;
      }
      const int lx_end = std::min(P, x1 - b);
      for (int lx = std::max(0, x0 - b); lx < lx_end; ++lx) {
        Real* const plane = mesh + (b + lx) * grid.plane + atom.first[2];
        for (int ly = 0; ly < P; ++ly) {
          int iy = atom.first[1] + ly;
          if (iy >= k2) iy -= k2;
          Real* const row = plane + iy * grid.row;
          if constexpr (Dipoles) {
            const Real c0 = dx[lx] * y[ly] + x[lx] * dy[ly], c1 = x[lx] * y[ly];
            for (int j = 0; j < W; ++j) row[j] += c0 * z[j] + c1 * dz[j];
          } else {
            const Real c0 = x[lx] * y[ly];
            for (int j = 0; j < W; ++j) row[j] += c0 * z[j];
          }
        }
      }
    }
  }
  for (std::ptrdiff_t r = x0 * static_cast<std::ptrdiff_t>(k2); r < x1 * static_cast<std::ptrdiff_t>(k2);
       ++r) {
    Real* const row = mesh + r * grid.row;
    for (int j = 0; j < P - 1; ++j) row[j] += row[k3 + j];  // what went past the end of the cell
  }
}

}  // namespace

template <class Real>
void spread(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, bool dipoles, Real* mesh) {
  const std::vector<int> begin = balanced_planes(atoms, grid.points[0]);
  with_order(grid.order, [&](auto order) {
    constexpr int P = decltype(order)::value;
#pragma omp parallel for schedule(static, 1)
    for (int range = 0; range < static_cast<int>(begin.size()) - 1; ++range) {
      if (dipoles)
        spread_planes<Real, P, true>(grid, atoms, begin[range], begin[range + 1], mesh);
      else
        spread_planes<Real, P, false>(grid, atoms, begin[range], begin[range + 1], mesh);
    }
  });
}

template void spread(const Grid<float>&, const SortedAtoms<float>&, bool, float*);
template void spread(const Grid<double>&, const SortedAtoms<double>&, bool, double*);

}  // namespace hotpp::pme
