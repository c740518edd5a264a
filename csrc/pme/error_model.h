// SPDX-License-Identifier: GPL-2.0-or-later
// Force error of a mesh from first principles; python/hotpp_lr/electrostatics/error_model.py has the formula
// and its derivation, numbers agree to rounding.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pme/cell.h"
#include "pme/kernel.h"

namespace hotpp::pme {

/// What the relative error depends on besides the mesh. Mean squares are per atom; only ratios matter.
struct Sources {
  std::int64_t atoms = 0;
  double charge2 = 0.0, charge4 = 0.0;  ///< <q²> e², <q⁴> e⁴
  double dipole2 = 0.0;                 ///< <|μ|²>, (e·Å)²
  double rms_force = 0.0;               ///< of the long-range forces, eV/Å; 0: not known
  const double* positions = nullptr;    ///< [n, 3] Å; null: an ionic melt is assumed
  const double* charges = nullptr;      ///< [n] e
  const double* dipoles = nullptr;      ///< [n, 3] e·Å or null

  static Sources assumed(std::int64_t atoms, bool dipoles);
  /// Keeps the pointers. The rms force, known after one evaluation, makes estimates better for ordered
  /// structures.
  static Sources measured(std::int64_t n, const double* positions, const double* charges,
                          const double* dipoles, double rms_force = 0.0);

  /// q² + μ²k²/3: mean square of what an atom is to a wave.
  double seen_by(double k_squared) const { return charge2 + dipole2 / 3.0 * k_squared; }
};

class ErrorModel {
 public:
  ErrorModel(const Cell&, const Kernel&, const Sources&);

  /// Relative rms force error of a mesh of so many points along a, b, c (need not be integers).
  double relative_error(int order, const std::array<double, 3>& points) const;
  double rms_force() const { return rms_force_; }

 private:
  struct Mode {
    double k[3], k2, weight, coulomb, power;  // weight: modes it stands for; coulomb: 4 pi k_e/V screening/k²
  };
  void sample(int one_by_one);
  void add_mode(const double n[3], double weight);
  double power(const Mode&) const;

  Cell cell_;
  Kernel kernel_;
  Sources sources_;
  std::vector<Mode> modes_;
  double rms_force_ = 0.0;
};

}  // namespace hotpp::pme
