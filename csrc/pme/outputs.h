// SPDX-License-Identifier: GPL-2.0-or-later
// From gathered derivatives in mesh units to what the caller wants, in float64.
#pragma once

#include <array>
#include <cstdint>

#include "pme/cell.h"
#include "pme/cpu/sorted_atoms.h"
#include "pme/settings.h"

namespace hotpp::pme {

/// Overwrites potential, field and forces of the mesh; derivatives as in cpu/gather.h.
template <class Real>
void write_outputs(const Cell&, const std::array<int, 3>& mesh, const SortedAtoms<Real>&,
                   const Real* derivatives, Output&);

/// Adds -sum_i (grad phi)_a μ_b: at fixed Cartesian μ the dipoles in mesh units change with the strain.
template <class Real>
void add_dipole_strain(const Cell&, const std::array<int, 3>& mesh, const SortedAtoms<Real>&,
                       const Real* derivatives, const double* dipoles, Output&);

/// Subtracts the self energy (if the settings say so) and adds the background of a charged cell.
void add_self_and_background(const Settings&, double volume, std::int64_t n, const double* charges,
                             const double* dipoles, Output&);

}  // namespace hotpp::pme
