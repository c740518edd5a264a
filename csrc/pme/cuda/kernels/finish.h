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
  const double q = state->total_charge, box = q * q * step.height * step.height / 12.0;
  double slab = 0.0;
  if (step.slab) slab = step.slab_scale * (state->moment * state->moment - q * state->second_moment - box);
  if (step.output.energy)
    *step.output.energy =
        wrong ? not_a_number() : state->mesh_energy + background + slab - state->self_energy;
  if (!step.output.strain_derivative) return;
  constexpr int component[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
  for (int ab = 0; ab < 9; ++ab) {
    double value = state->mesh_strain[component[ab]];
    if (ab % 4 == 0) value -= state->mesh_energy + background + slab;
    if (step.slab && ab >= 6)  // sum_i dE/dz_i r_i
      value += 2.0 * step.slab_scale *
               (state->moment * state->charge_moment[ab - 6] - q * state->mixed_moment[ab - 6]);
    if (step.slab && ab == 8) value -= 2.0 * step.slab_scale * box;
    if (dipole_strain) value += dipole_strain[ab];
    step.output.strain_derivative[ab] = wrong ? not_a_number() : value;
  }
}

}  // namespace hotpp::pme::cuda
