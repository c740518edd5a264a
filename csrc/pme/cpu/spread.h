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

/// The same for the planes [x0, x1) only, by one thread.
template <class Real>
void spread_planes(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, int rank, const Real* coefficients,
                   int x0, int x1, Real* mesh);

}  // namespace hotpp::pme
