// SPDX-License-Identifier: GPL-2.0-or-later
// Multipoles of the atoms to the mesh, see multipoles.h.
#pragma once

#include "pme/cpu/grid.h"
#include "pme/cpu/sorted_atoms.h"

namespace hotpp::pme {

/// Overwrites the mesh. coefficients [n, components(rank)] of the sorted atoms; order >= lowest_order(rank).
/// Same bits for any number of threads: each mesh point adds its atoms in the same order.
template <class Real>
void spread(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, int rank, const Real* coefficients,
            Real* mesh);

/// Atoms that take as long to spread as a plane to transform (measured).
template <class Real>
double atoms_per_plane(const Grid<Real>& grid) {
  return 2.2 * grid.points[1] * grid.points[2] / (grid.order * grid.order + 40);
}

/// Adds the atoms that begin in plane b (not wrapped: -order < b < K1) to the planes [x0, x1).
template <class Real>
void add_atoms(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, int rank, const Real* coefficients,
               int b, int x0, int x1, Real* mesh);

/// Zeroes plane x.
template <class Real>
void clear_plane(const Grid<Real>& grid, int x, Real* mesh);

/// Adds what went past the end of the rows of plane x to their beginning.
template <class Real>
void fold_halo(const Grid<Real>& grid, int x, Real* mesh);

/// Spread to the planes [x0, x1) only, by one thread. finish(x) is called as soon as plane x is complete,
/// while it is still in the cache.
template <class Real, class Finish>
void spread_planes(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, int rank, const Real* coefficients,
                   int x0, int x1, Real* mesh, Finish&& finish) {
  if (x0 == x1) return;
  // point x gets its atoms from b = x - order + 1, ..., x in this order, whatever x0 and x1 are
  for (int b = x0 - grid.order + 1; b < x1; ++b) {
    if (b + grid.order - 1 < x1) clear_plane(grid, b + grid.order - 1, mesh);
    add_atoms(grid, atoms, rank, coefficients, b, x0, x1, mesh);
    if (b < x0) continue;
    fold_halo(grid, b, mesh);
    finish(b);
  }
}

}  // namespace hotpp::pme
