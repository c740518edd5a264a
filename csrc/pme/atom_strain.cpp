// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/atom_strain.h"

#include <cmath>

#include "pme/constants.h"

namespace hotpp::pme {
namespace {

constexpr int axes[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};

/// How a dipole in mesh units changes with the strain, as the Cartesian vector that changes it so.
void strained_dipole(int component, const double* dipole, double* change) {
  const auto [a, b] = axes[component];
  change[0] = change[1] = change[2] = 0.0;
  change[a] -= 0.5 * dipole[b];
  change[b] -= 0.5 * dipole[a];
}

}  // namespace

void atom_strain_of_mesh(const MeshPotential& potential_of, std::int64_t n, const double* charges,
                         const double* dipoles, bool any_dipoles, double background, double* w) {
  std::vector<double> felt(4 * static_cast<std::size_t>(n) + 1);  // + 1: never a null pointer
  const auto add_half_product = [&](int component) {
    for (std::int64_t i = 0; i < n; ++i) {
      const double* const phi = &felt[4 * i];
      double product = charges[i] * phi[0];
      for (int a = 0; dipoles && a < 3; ++a) product += dipoles[3 * i + a] * phi[1 + a];
      w[6 * i + component] += 0.5 * product;
    }
  };
  for (std::int64_t i = 0; i < n; ++i)
    for (int c = 0; c < 6; ++c) w[6 * i + c] = c < 3 ? -background * charges[i] : 0.0;
  for (int c = 0; c < 6; ++c) {
    potential_of(c, charges, dipoles, felt.data());
    add_half_product(c);
  }
  if (!any_dipoles) return;
  potential_of(energy_component, charges, dipoles, felt.data());
  double change[3];
  for (std::int64_t i = 0; dipoles && i < n; ++i)
    for (int c = 0; c < 6; ++c) {
      strained_dipole(c, dipoles + 3 * i, change);
      for (int a = 0; a < 3; ++a) w[6 * i + c] += 0.5 * change[a] * felt[4 * i + 1 + a];
    }
  const std::vector<double> no_charges(static_cast<std::size_t>(n) + 1, 0.0);
  std::vector<double> changes(3 * static_cast<std::size_t>(n) + 1);
  for (int c = 0; c < 6; ++c) {
    for (std::int64_t i = 0; dipoles && i < n; ++i)
      strained_dipole(c, dipoles + 3 * i, &changes[3 * static_cast<std::size_t>(i)]);
    potential_of(energy_component, no_charges.data(), changes.data(), felt.data());
    add_half_product(c);
  }
}

// With S = 2 pi k_e / V:  phi_i = S (2 M z_i - sum_j (q_j z_j² + 2 z_j μ_jz) - Q z_i² - Q L_z²/6),
// dE/dμ_iz = 2 S (M - Q z_i); a strain moves z_j by epsilon_zb r_jb.
void add_slab_atom_strain(const Cell& cell, const SlabMoments& m, std::int64_t n, const double* positions,
                          const double* charges, const double* dipoles, double* w) {
  const double scale = 2.0 * pi * coulomb_constant / cell.volume, height2 = cell.rows[8] * cell.rows[8];
  for (std::int64_t i = 0; i < n; ++i) {
    const double* const r = positions + 3 * i;
    const double z = r[2], q = charges[i], mu = dipoles ? dipoles[3 * i + 2] : 0.0;
    const double potential = 2.0 * m.moment * z - m.second - m.charge * z * z - m.charge * height2 / 6.0;
    const double energy = 0.5 * scale * (q * potential + 2.0 * mu * (m.moment - m.charge * z));
    double along_z[3];  // derivatives by epsilon_zx, epsilon_zy, epsilon_zz
    for (int b = 0; b < 3; ++b)
      along_z[b] =
          scale * (q * (m.by_charge[b] * z + m.moment * r[b] - m.by_moment[b] - m.charge * z * r[b]) +
                   mu * (m.by_charge[b] - m.charge * r[b]));
    along_z[2] -= scale * q * m.charge * height2 / 6.0;
    for (int a = 0; a < 3; ++a) w[6 * i + a] -= energy;
    w[6 * i + 2] += along_z[2];
    w[6 * i + 4] += 0.5 * along_z[0];
    w[6 * i + 5] += 0.5 * along_z[1];
  }
}

}  // namespace hotpp::pme
