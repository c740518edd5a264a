// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/slab.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "pme/constants.h"

namespace hotpp::pme {
namespace {

/// Height of the cell along z when a and b lie in the xy plane.
double height(const Cell& cell) { return std::abs(cell.rows[8]); }

std::string rounded(double length) {
  std::string text = std::to_string(length);
  return text.substr(0, text.find('.') + 3);
}

}  // namespace

void check_slab(const Cell& cell, std::int64_t n, const double* positions) {
  SlabExtent extent;
  for (std::int64_t i = 0; i < n; ++i) extent.add(positions[3 * i + 2]);
  check_slab(cell, extent);
}

void check_slab(const Cell& cell, const SlabExtent& extent) {
  double longest = 0.0;
  for (int i = 0; i < 3; ++i)
    longest = std::max(longest, std::hypot(cell.rows[3 * i], cell.rows[3 * i + 1], cell.rows[3 * i + 2]));
  if (std::max(std::abs(cell.rows[2]), std::abs(cell.rows[5])) > 1e-8 * longest)
    throw std::invalid_argument(
        "The first two lattice vectors of a slab must lie in the xy plane: rotate the structure.");
  const double thickness = extent.high - extent.low;
  if (thickness < 0.0) return;  // no atoms
  if (!(height(cell) - thickness >= min_vacuum * thickness))
    throw std::invalid_argument("The slab is " + rounded(thickness) + " Å thick in a cell of height " +
                                rounded(height(cell)) +
                                " Å: make the vacuum at least 2 times the thickness, and do not wrap atoms "
                                "through it.");
}

void SlabMoments::add(const double r[3], double q, const double* dipole) {
  const double z = r[2], mu = dipole ? dipole[2] : 0.0;
  charge += q;
  moment += q * z + mu;
  second += z * (q * z + 2.0 * mu);
  for (int a = 0; a < 3; ++a) {
    by_charge[a] += q * r[a];
    by_moment[a] += (q * z + mu) * r[a];
  }
}

void add_slab_energy(const Cell& cell, const SlabMoments& m, Output& output) {
  const double scale = 2.0 * pi * coulomb_constant / cell.volume;
  const double box = m.charge * m.charge * height(cell) * height(cell) / 12.0;
  const double energy = scale * (m.moment * m.moment - m.charge * m.second - box);
  output.energy += energy;
  if (!output.want_strain) return;
  for (int a = 0; a < 3; ++a) {
    output.strain_derivative[4 * a] -= energy;
    // sum_i dE/dz_i r_i
    output.strain_derivative[6 + a] += 2.0 * scale * (m.moment * m.by_charge[a] - m.charge * m.by_moment[a]);
  }
  output.strain_derivative[8] -= 2.0 * scale * box;
}

void add_slab_to_atoms(const Cell& cell, const SlabMoments& m, std::int64_t n, const double* positions,
                       const double* charges, const double* dipoles, Output& output) {
  const double scale = 2.0 * pi * coulomb_constant / cell.volume, height2 = height(cell) * height(cell);
  for (std::int64_t i = 0; i < n; ++i) {
    const double z = positions[3 * i + 2], q = charges[i], mu = dipoles ? dipoles[3 * i + 2] : 0.0;
    if (output.potential)
      output.potential[i] +=
          scale * (2.0 * m.moment * z - m.second - m.charge * z * z - m.charge * height2 / 6.0);
    if (output.field) output.field[3 * i + 2] -= 2.0 * scale * (m.moment - m.charge * z);
    if (output.forces) output.forces[3 * i + 2] -= 2.0 * scale * (m.moment * q - m.charge * (q * z + mu));
  }
}

void add_slab_correction(const Cell& cell, std::int64_t n, const double* positions, const double* charges,
                         const double* dipoles, Output& output) {
  SlabMoments moments;
  for (std::int64_t i = 0; i < n; ++i)
    moments.add(positions + 3 * i, charges[i], dipoles ? dipoles + 3 * i : nullptr);
  add_slab_energy(cell, moments, output);
  add_slab_to_atoms(cell, moments, n, positions, charges, dipoles, output);
}

}  // namespace hotpp::pme
