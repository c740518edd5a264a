// SPDX-License-Identifier: GPL-2.0-or-later
// Epilogue of gather: potential, field and forces of the caller, with self and background terms.
#pragma once

#include "pme/cuda/kernels/finish.h"

namespace hotpp::pme::cuda {

/// R: derivatives that were gathered, 1 or 2 (the latter for forces on dipoles).
template <class Real, int R>
struct WriteOutputs {
  const Step* step;
  const State* state;
  const Real* coefficients;  ///< [n, 1 or 4]
  Real* gradients;           ///< [n, 3] for the strain derivative of dipoles, or null

  /// i: in the order of the coefficients; to: in the caller's arrays; d [components(R)] in mesh units.
  HOTPP_DEVICE void operator()(int i, int to, const Real* d) const {
    const Step& s = *step;
    const bool dipoles = s.atoms.dipoles.data != nullptr, wrong = state->problems != 0;
    if (gradients)
      for (int a = 0; a < 3; ++a) gradients[3LL * to + a] = d[1 + a];
    if (s.output.potential.data) {
      const double own = s.background * state->total_charge - s.self_charge * s.atoms.charges[to];
      double potential = d[0] + 2.0 * own;
      if (s.slab) potential += slab_potential(s, s.atoms.positions[3LL * to + 2]);
      s.output.potential.store(to, wrong ? not_a_number() : potential);
    }
    if (s.output.field.data)
      for (int a = 0; a < 3; ++a) {
        double field = -to_cartesian(s, a, d + 1);
        if (dipoles) field += 2.0 * s.self_dipole * s.atoms.dipoles[3LL * to + a];
        if (s.slab && a == 2) field += slab_field(s, s.atoms.positions[3LL * to + 2]);
        s.output.field.store(3LL * to + a, wrong ? not_a_number() : field);
      }
    if (s.output.forces.data) {
      const Real* const c = coefficients + static_cast<long long>(dipoles ? 4 : 1) * i;
      double force[3];
      for (int a = 0; a < 3; ++a) force[a] = -static_cast<double>(c[0]) * d[1 + a];
      if constexpr (R > 1) {  // h: xx, yy, zz, xy, xz, yz
        const Real* const h = d + 4;
        const double mu[3] = {c[1], c[2], c[3]};
        force[0] -= h[0] * mu[0] + h[3] * mu[1] + h[4] * mu[2];
        force[1] -= h[3] * mu[0] + h[1] * mu[1] + h[5] * mu[2];
        force[2] -= h[4] * mu[0] + h[5] * mu[1] + h[2] * mu[2];
      }
      for (int a = 0; a < 3; ++a) {
        double value = to_cartesian(s, a, force);
        if (s.slab && a == 2) {
          const double q = s.atoms.charges[to], mu = dipoles ? s.atoms.dipoles[3LL * to + 2] : 0.0;
          value += q * slab_field(s, s.atoms.positions[3LL * to + 2]) +
                   2.0 * s.slab_scale * state->total_charge * mu;
        }
        s.output.forces.store(3LL * to + a, wrong ? not_a_number() : value);
      }
    }
  }

 private:
  /// dE/dq and -dE/dμ_z of the slab term.
  HOTPP_DEVICE double slab_potential(const Step& s, double z) const {
    const double q = state->total_charge;
    return s.slab_scale *
           (2.0 * state->moment * z - state->second_moment - q * z * z - q * s.height * s.height / 6.0);
  }
  HOTPP_DEVICE double slab_field(const Step& s, double z) const {
    return -2.0 * s.slab_scale * (state->moment - state->total_charge * z);
  }
  template <class T>
  HOTPP_DEVICE static double to_cartesian(const Step& s, int a, const T* v) {
    return s.to_mesh[3 * a] * v[0] + s.to_mesh[3 * a + 1] * v[1] + s.to_mesh[3 * a + 2] * v[2];
  }
};

}  // namespace hotpp::pme::cuda
