// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernels need of settings, cell and the caller's arrays in one call.
#pragma once

#include <cmath>
#include <stdexcept>
#include <string>

#include "pme/cell.h"
#include "pme/cuda/kernels/mode.h"
#include "pme/cuda/step.h"
#include "pme/inputs.h"
#include "pme/settings.h"
#include "pme/slab.h"

namespace hotpp::pme::cuda {

inline Step make_step(const Settings& settings, const Cell& cell, const DeviceAtoms& atoms,
                      const DeviceOutput& output) {
  check(cell);
  if (atoms.n < 0) throw std::invalid_argument("n is " + std::to_string(atoms.n) + ": give 0 or more atoms.");
  if (atoms.dipoles.data && output.forces.data && settings.order < 4)
    throw std::invalid_argument(
        "The assignment order is 3, but forces on dipoles need second derivatives of the weights: use order "
        "4 or more (6 to 8 recommended).");
  Step step{};
  step.atoms = atoms;
  step.output = output;
  const Kernel& kernel = settings.kernel;
  for (int a = 0; a < 3; ++a)
    for (int d = 0; d < 3; ++d) {
      step.inverse[3 * a + d] = cell.inverse[3 * a + d];
      step.to_mesh[3 * a + d] = cell.inverse[3 * a + d] * settings.mesh[d];
      step.reciprocal[3 * d + a] = 2.0 * pi * cell.inverse[3 * a + d];
    }
  for (int c = 0; c < 6; ++c) {
    const int i = axis_of(c, 0), j = axis_of(c, 1);
    for (int a = 0; a < 3; ++a)
      step.metric[c] += (i == j ? 1.0 : 2.0) * step.reciprocal[3 * i + a] * step.reciprocal[3 * j + a];
  }
  step.prefactor = 4.0 * pi * coulomb_constant / cell.volume;
  step.background = -coulomb_constant * kernel.background() / cell.volume;
  step.slab = settings.boundary == Boundary::Slab;
  if (step.slab) {
    check_slab(cell, 0, nullptr);  // its vacuum is checked on the device
    step.height = std::abs(cell.rows[8]);
    step.slab_scale = 2.0 * pi * coulomb_constant / cell.volume;
  }
  const double own = settings.subtract_self ? 0.5 * coulomb_constant : 0.0;
  step.self_charge = own * kernel.self_charge;
  step.self_dipole = own * kernel.self_dipole;
  return step;
}

}  // namespace hotpp::pme::cuda
