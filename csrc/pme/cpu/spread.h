// SPDX-License-Identifier: GPL-2.0-or-later
// Charges and dipoles to the mesh:
//   rho(m) = sum_i q_i W(m - u_i) + (μ_i · grad_u) W(m - u_i).
#pragma once

#include "pme/cpu/grid.h"
#include "pme/cpu/sorted_atoms.h"

namespace hotpp::pme {

/// Overwrites the mesh. Without `dipoles` the dipoles of the atoms are ignored (about half the work).
/// Same bits for any number of threads: each mesh point adds its atoms in the same order.
template <class Real>
void spread(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, bool dipoles, Real* mesh);

}  // namespace hotpp::pme
