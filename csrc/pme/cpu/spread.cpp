// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/spread.h"

#include <algorithm>

#include "pme/cpu/threads.h"

namespace hotpp::pme {

template <class Real>
void clear_plane(const Grid<Real>& grid, int x, Real* mesh) {
  std::fill_n(mesh + x * grid.plane, grid.row * grid.points[1], Real(0));
}

template <class Real>
void fold_halo(const Grid<Real>& grid, int x, Real* mesh) {
  for (int y = 0; y < grid.points[1]; ++y) {
    Real *const row = mesh + x * grid.plane + y * grid.row, *const halo = row + grid.points[2];
    for (int j = 0; j < grid.order - 1; ++j) row[j] += halo[j];
  }
}

template <class Real>
void add_atoms(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, int rank, const Real* coefficients,
               int b, int x0, int x1, Real* mesh) {
  const int shift = b < 0 ? -grid.points[0] : 0;
  const MeshView<Real> view{mesh, grid.row, grid.plane, grid.points[0], grid.points[1]};
  kernels<Real>().spread[grid.order][rank](view, atoms.data(), coefficients, atoms.plane_begin(b - shift),
                                           atoms.plane_begin(b - shift + 1), shift, x0, x1);
}

template <class Real>
void spread(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, int rank, const Real* coefficients,
            Real* mesh) {
#pragma omp parallel
  {
    const int x0 = balanced_plane(atoms, grid.points[0], 0.0, team_rank(), team_size());
    const int x1 = balanced_plane(atoms, grid.points[0], 0.0, team_rank() + 1, team_size());
    spread_planes(grid, atoms, rank, coefficients, x0, x1, mesh, [](int) {});
  }
}

#define HOTPP_SPREAD(REAL)                                                                              \
  template void clear_plane(const Grid<REAL>&, int, REAL*);                                             \
  template void fold_halo(const Grid<REAL>&, int, REAL*);                                               \
  template void add_atoms(const Grid<REAL>&, const SortedAtoms<REAL>&, int, const REAL*, int, int, int, \
                          REAL*);                                                                       \
  template void spread(const Grid<REAL>&, const SortedAtoms<REAL>&, int, const REAL*, REAL*);
HOTPP_SPREAD(float)
HOTPP_SPREAD(double)

}  // namespace hotpp::pme
