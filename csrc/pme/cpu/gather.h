// SPDX-License-Identifier: GPL-2.0-or-later
// Potential of the mesh and its derivatives at the atoms: the adjoint of spread, see multipoles.h.
#pragma once

#include "pme/cpu/grid.h"
#include "pme/cpu/sorted_atoms.h"

namespace hotpp::pme {

/// Copies the first points of every row of plane x behind its end, so that no stencil wraps along z.
template <class Real>
void fill_halo(const Grid<Real>& grid, int x, Real* mesh);

/// derivatives [n, components(rank)] of the sorted atoms; the halo of the mesh must be filled.
template <class Real>
void gather(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, const Real* mesh, int rank,
            Real* derivatives);

/// The same for the atoms [begin, end) only, by one thread; derivatives [end - begin, components(rank)].
template <class Real>
void gather_range(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, const Real* mesh, int rank,
                  std::int64_t begin, std::int64_t end, Real* derivatives);

}  // namespace hotpp::pme
