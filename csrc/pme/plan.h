// SPDX-License-Identifier: GPL-2.0-or-later
// Particle-mesh Ewald for smeared charges and dipoles: plan once, execute per step, nothing allocated in
// between.
//
//   S(k) = sum_i (q_i + i k·μ_i) exp(i k·r_i)
//   E = (2 pi k_e / V) sum_{k≠0} screening(k²)/k² |S(k)|² - E_self - pi k_e sigma² Q²/V
//   E_self = (k_e/2) sum_i [q_i² self_charge + μ_i² self_dipole], screening and self terms of pme/kernel.h
//
// The last term of E makes energies of charged cells (uniform background, tin foil) consistent in cell size.
// Units: eV, Å, e. All outputs are exact derivatives of the energy of this mesh.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "pme/cell.h"
#include "pme/settings.h"

namespace hotpp::pme {

/// Real: precision of the mesh (float or double). Mesh coordinates, energy and strain derivative are float64.
/// Not for use by two threads at once; the work is shared out by OpenMP inside, with the same bits for any
/// number of threads.
template <class Real>
class Plan {
 public:
  explicit Plan(const Settings&);
  ~Plan();
  Plan(Plan&&) noexcept;
  Plan& operator=(Plan&&) noexcept;

  /// Rows a, b, c in Å; cheap when unchanged.
  void set_cell(const double cell[9]);

  /// positions [n, 3] Å, anywhere; charges [n] e; dipoles [n, 3] e·Å or null (charges only, faster).
  /// Forces with dipoles need order >= 4.
  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               Output&);

  const Settings& settings() const;

  /// What the plan holds at present, bytes.
  struct Memory {
    std::size_t mesh;     ///< the mesh and the tables of its size
    std::size_t atoms;    ///< what grows with the number of atoms
    std::size_t threads;  ///< scratch memory of the threads
  };
  Memory memory() const;

  // The stages of execute one by one, for tests. Meshes are [K1, K2, K3], C order, without halo.
  void spread_stage(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
                    Real* mesh);
  void influence_stage(Real* influence) const;  ///< [K1, K2, K3/2 + 1]
  /// Charge mesh -> potential mesh; returns the energy of the mesh, strain [9] at fixed charge mesh.
  double potential_stage(const Real* charge_mesh, Real* potential_mesh, double* strain);
  /// derivatives [n, 10] in mesh units: potential, gradient, Hessian xx, yy, zz, xy, xz, yz.
  void gather_stage(std::int64_t n, const double* positions, const Real* mesh, double* derivatives);

 private:
  struct Parts;

  std::unique_ptr<Parts> parts_;
};

}  // namespace hotpp::pme
