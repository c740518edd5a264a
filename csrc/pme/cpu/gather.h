// SPDX-License-Identifier: GPL-2.0-or-later
// Potential of the mesh and its derivatives at the atoms: the adjoint of spread.
#pragma once

#include "pme/cpu/grid.h"
#include "pme/cpu/sorted_atoms.h"

namespace hotpp::pme {

/// In mesh units: potential, gradient (x, y, z), Hessian (xx, yy, zz, xy, xz, yz).
constexpr int derivatives_per_atom = 10;

/// Copies the first order-1 points of every row of plane x behind its end, so that no stencil wraps along z.
template <class Real>
void fill_halo(const Grid<Real>& grid, int x, Real* mesh);

/// derivatives [n, 10] of the sorted atoms; the Hessian only if wanted (zero otherwise; order >= 4).
template <class Real>
void gather(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, const Real* mesh, bool hessian,
            Real* derivatives);

}  // namespace hotpp::pme
