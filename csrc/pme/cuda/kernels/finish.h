// SPDX-License-Identifier: GPL-2.0-or-later
// Energy and strain derivative of the caller, written by one thread of the last kernel.
#pragma once

#include "pme/cuda/step.h"

namespace hotpp::pme::cuda {

HOTPP_HOST_DEVICE inline double not_a_number() {
  double zero = 0.0;
  return zero / zero;
}

/// dipole_strain [9]: -sum_i (grad phi)_a μ_b; null without dipoles. NaN where there was a problem.
HOTPP_DEVICE inline void finish(const Step& step, State* state, const double* dipole_strain) {
  const double background = step.background * state->total_charge * state->total_charge;
  const bool wrong = state->problems != 0;
  if (step.output.energy)
    *step.output.energy = wrong ? not_a_number() : state->mesh_energy + background - state->self_energy;
  if (!step.output.strain_derivative) return;
  constexpr int component[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
  for (int ab = 0; ab < 9; ++ab) {
    double value = state->mesh_strain[component[ab]];
    if (ab % 4 == 0) value -= state->mesh_energy + background;
    if (dipole_strain) value += dipole_strain[ab];
    step.output.strain_derivative[ab] = wrong ? not_a_number() : value;
  }
}

}  // namespace hotpp::pme::cuda
