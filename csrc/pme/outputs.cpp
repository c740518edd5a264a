// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/outputs.h"

#include "pme/constants.h"
#include "pme/cpu/gather.h"

namespace hotpp::pme {
namespace {

/// d(mesh coordinate)/dr: gradient in mesh units -> Cartesian gradient.
struct Transform {
  double m[3][3];

  Transform(const Cell& cell, const std::array<int, 3>& mesh) {
    for (int a = 0; a < 3; ++a)
      for (int d = 0; d < 3; ++d) m[a][d] = cell.inverse[3 * a + d] * mesh[d];
  }
  template <class Vector>
  double operator()(int a, const Vector& v) const {
    return m[a][0] * v[0] + m[a][1] * v[1] + m[a][2] * v[2];
  }
};

}  // namespace

template <class Real>
void write_outputs(const Cell& cell, const std::array<int, 3>& mesh, const SortedAtoms<Real>& atoms,
                   const Real* derivatives, Output& output) {
  const Transform to_cartesian(cell, mesh);
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < atoms.size(); ++i) {
    const Real* const d = derivatives + derivatives_per_atom * i;
    const std::int64_t to = atoms.original(i);
    if (output.potential) output.potential[to] = d[0];
    if (output.field)
      for (int a = 0; a < 3; ++a) output.field[3 * to + a] = -to_cartesian(a, d + 1);
    if (output.forces) {
      const double q = atoms[i].charge;
      const double mu[3] = {atoms[i].dipole[0], atoms[i].dipole[1], atoms[i].dipole[2]};
      const Real *const gradient = d + 1, *const h = d + 4;  // h: xx, yy, zz, xy, xz, yz
      const double force[3] = {-(q * gradient[0] + h[0] * mu[0] + h[3] * mu[1] + h[4] * mu[2]),
                               -(q * gradient[1] + h[3] * mu[0] + h[1] * mu[1] + h[5] * mu[2]),
                               -(q * gradient[2] + h[4] * mu[0] + h[5] * mu[1] + h[2] * mu[2])};
      for (int a = 0; a < 3; ++a) output.forces[3 * to + a] = to_cartesian(a, force);
    }
  }
}

template <class Real>
void add_dipole_strain(const Cell& cell, const std::array<int, 3>& mesh, const SortedAtoms<Real>& atoms,
                       const Real* derivatives, const double* dipoles, Output& output) {
  const Transform to_cartesian(cell, mesh);
  for (std::int64_t i = 0; i < atoms.size(); ++i) {  // not shared out: the order of the sum is fixed
    const Real* const gradient = derivatives + derivatives_per_atom * i + 1;
    const double* const mu = dipoles + 3 * atoms.original(i);
    for (int a = 0; a < 3; ++a) {
      const double g = to_cartesian(a, gradient);
      for (int b = 0; b < 3; ++b) output.strain_derivative[3 * a + b] -= g * mu[b];
    }
  }
}

void add_self_and_background(const Settings& settings, double volume, std::int64_t n, const double* charges,
                             const double* dipoles, Output& output) {
  const Kernel& kernel = settings.kernel;
  const double own = settings.subtract_self ? 0.5 * coulomb_constant : 0.0;
  const double self = own * kernel.self_charge, self_dipole = own * kernel.self_dipole;
  double total_charge = 0.0, energy = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    total_charge += charges[i];
    energy += self * charges[i] * charges[i];
    if (dipoles)
      for (int a = 0; a < 3; ++a) energy += self_dipole * dipoles[3 * i + a] * dipoles[3 * i + a];
  }
  const double background = -coulomb_constant * kernel.background() / volume;
  output.energy += background * total_charge * total_charge - energy;
  if (output.want_strain)
    for (int a = 0; a < 3; ++a) output.strain_derivative[4 * a] -= background * total_charge * total_charge;
  if (output.potential)
    for (std::int64_t i = 0; i < n; ++i)
      output.potential[i] += 2.0 * (background * total_charge - self * charges[i]);
  if (output.field && dipoles)
    for (std::int64_t i = 0; i < 3 * n; ++i) output.field[i] += 2.0 * self_dipole * dipoles[i];
}

template void write_outputs(const Cell&, const std::array<int, 3>&, const SortedAtoms<float>&, const float*,
                            Output&);
template void write_outputs(const Cell&, const std::array<int, 3>&, const SortedAtoms<double>&, const double*,
                            Output&);
template void add_dipole_strain(const Cell&, const std::array<int, 3>&, const SortedAtoms<float>&,
                                const float*, const double*, Output&);
template void add_dipole_strain(const Cell&, const std::array<int, 3>&, const SortedAtoms<double>&,
                                const double*, const double*, Output&);

}  // namespace hotpp::pme
