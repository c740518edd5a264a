// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/spread.h"

#include <algorithm>

#include "pme/cpu/threads.h"

namespace hotpp::pme {

template <class Real>
void spread_planes(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, int rank, const Real* coefficients,
                   int x0, int x1, Real* mesh) {
  const auto [k1, k2, k3] = grid.points;
  const MeshView<Real> view{mesh, grid.row, grid.plane, k1, k2};
  const auto add_atoms = kernels<Real>().spread[grid.order][rank];
  std::fill(mesh + x0 * grid.plane, mesh + x1 * grid.plane, Real(0));
  // b is the plane an atom begins with, not wrapped: point x gets its atoms from b = x-P+1, ..., x in this
  // order
  for (int b = x0 - grid.order + 1; b < x1; ++b) {
    const int shift = b < 0 ? -k1 : 0;
    add_atoms(view, atoms.data(), coefficients, atoms.plane_begin(b - shift),
              atoms.plane_begin(b - shift + 1), shift, x0, x1);
  }
  for (std::ptrdiff_t r = x0 * static_cast<std::ptrdiff_t>(k2); r < x1 * static_cast<std::ptrdiff_t>(k2);
       ++r) {
    Real* const row = mesh + r * grid.row;
    for (int j = 0; j < grid.order - 1; ++j) row[j] += row[k3 + j];  // what went past the end of the cell
  }
}

template <class Real>
void spread(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, int rank, const Real* coefficients,
            Real* mesh) {
#pragma omp parallel
  {
    const int x0 = balanced_plane(atoms, grid.points[0], 0.0, team_rank(), team_size());
    const int x1 = balanced_plane(atoms, grid.points[0], 0.0, team_rank() + 1, team_size());
    spread_planes(grid, atoms, rank, coefficients, x0, x1, mesh);
  }
}

#define HOTPP_SPREAD(REAL)                                                                    \
  template void spread(const Grid<REAL>&, const SortedAtoms<REAL>&, int, const REAL*, REAL*); \
  template void spread_planes(const Grid<REAL>&, const SortedAtoms<REAL>&, int, const REAL*, int, int, REAL*);
HOTPP_SPREAD(float)
HOTPP_SPREAD(double)

}  // namespace hotpp::pme
