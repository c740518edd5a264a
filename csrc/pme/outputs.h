// SPDX-License-Identifier: GPL-2.0-or-later
// From gathered derivatives in mesh units to what the caller wants, in float64.
#pragma once

#include <array>
#include <cstdint>

#include "pme/cell.h"
#include "pme/settings.h"

namespace hotpp::pme {

/// d(mesh coordinate)/dr, 1/Å: gradient in mesh units -> Cartesian gradient; Cartesian dipole -> mesh units.
struct MeshTransform {
  double m[3][3];

  MeshTransform() = default;
  MeshTransform(const Cell& cell, const std::array<int, 3>& mesh) {
    for (int a = 0; a < 3; ++a)
      for (int d = 0; d < 3; ++d) m[a][d] = cell.inverse[3 * a + d] * mesh[d];
  }
  /// Cartesian component a of a gradient v in mesh units.
  template <class Vector>
  double gradient(int a, const Vector& v) const {
    return m[a][0] * v[0] + m[a][1] * v[1] + m[a][2] * v[2];
  }
  /// Component d in mesh units of a Cartesian vector v.
  double vector(int d, const double* v) const { return v[0] * m[0][d] + v[1] * m[1][d] + v[2] * m[2][d]; }
};

/// Sums over all atoms that the self energy and the background of a charged cell need.
struct ChargeSums {
  double charge = 0.0, charge_squared = 0.0, dipole_squared = 0.0;
};

/// What is added to the results of the mesh: minus the self energy (if the settings say so) and the
/// background.
struct SelfTerms {
  double charge, dipole;  ///< self energy of a unit charge and of a unit dipole, eV
  double background;      ///< energy of a unit net charge, eV

  SelfTerms(const Settings&, double volume);
  void add(const ChargeSums&, Output&) const;
};

/// Sums over a block of atoms.
struct AtomSums {
  double energy = 0.0;    ///< 1/2 sum_i (q_i phi_i + μ_i · grad phi_i), the energy of the mesh
  double size[3] = {};    ///< sums of |potential|, |field|, |force| as written: finite if all of them are
  double strain[9] = {};  ///< -sum_i (grad phi)_a μ_b: at fixed Cartesian μ dipoles in mesh units change
};

/// Asks for the memory that write_outputs will use; the atoms of the caller may lie in any order.
void prefetch_outputs(const std::int32_t* original, std::int64_t begin, std::int64_t end,
                      const double* charges, const double* dipoles, const Output&);

/// Writes potential, field and forces of the sorted atoms [begin, end) with the terms of `self`.
/// derivatives [end - begin, components(gather_rank)]; coefficients [n, components(spread_rank)], sorted;
/// original [n]: index of each sorted atom in the caller's arrays.
template <class Real>
AtomSums write_outputs(const MeshTransform&, const SelfTerms& self, double total_charge,
                       const std::int32_t* original, std::int64_t begin, std::int64_t end, int spread_rank,
                       const Real* coefficients, int gather_rank, const Real* derivatives,
                       const double* charges, const double* dipoles, Output&);

}  // namespace hotpp::pme
