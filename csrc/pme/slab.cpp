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
  double longest = 0.0;
  for (int i = 0; i < 3; ++i)
    longest = std::max(longest, std::hypot(cell.rows[3 * i], cell.rows[3 * i + 1], cell.rows[3 * i + 2]));
  if (std::max(std::abs(cell.rows[2]), std::abs(cell.rows[5])) > 1e-8 * longest)
    throw std::invalid_argument(
        "The first two lattice vectors of a slab must lie in the xy plane: rotate the structure.");
  if (n == 0) return;
  double low = positions[2], high = positions[2];
  for (std::int64_t i = 1; i < n; ++i) {
    low = std::min(low, positions[3 * i + 2]);
    high = std::max(high, positions[3 * i + 2]);
  }
  const double thickness = high - low;
  if (!(height(cell) - thickness >= min_vacuum * thickness))
    throw std::invalid_argument("The slab is " + rounded(thickness) + " Å thick in a cell of height " +
                                rounded(height(cell)) +
                                " Å: make the vacuum at least 2 times the thickness, and do not wrap atoms "
                                "through it.");
}

void add_slab_correction(const Cell& cell, std::int64_t n, const double* positions, const double* charges,
                         const double* dipoles, Output& output) {
  double charge = 0.0, moment = 0.0, second = 0.0;  // Q, M, sum_i (q z² + 2 z μ_z)
  for (std::int64_t i = 0; i < n; ++i) {
    const double z = positions[3 * i + 2], q = charges[i], mu = dipoles ? dipoles[3 * i + 2] : 0.0;
    charge += q;
    moment += q * z + mu;
    second += z * (q * z + 2.0 * mu);
  }
  const double scale = 2.0 * pi * coulomb_constant / cell.volume;
  const double height2 = height(cell) * height(cell), box = charge * charge * height2 / 12.0;
  const double energy = scale * (moment * moment - charge * second - box);
  output.energy += energy;
  if (output.want_strain) {
    for (int a = 0; a < 3; ++a) output.strain_derivative[4 * a] -= energy;
    output.strain_derivative[8] -= 2.0 * scale * box;
  }
  double by_strain[3] = {};  // sum_i dE/dz_i r_i
  for (std::int64_t i = 0; i < n; ++i) {
    const double* const r = positions + 3 * i;
    const double q = charges[i], mu = dipoles ? dipoles[3 * i + 2] : 0.0;
    const double slope = 2.0 * scale * (moment * q - charge * (q * r[2] + mu));
    if (output.potential)
      output.potential[i] +=
          scale * (2.0 * moment * r[2] - second - charge * r[2] * r[2] - charge * height2 / 6.0);
    if (output.field) output.field[3 * i + 2] -= 2.0 * scale * (moment - charge * r[2]);
    if (output.forces) output.forces[3 * i + 2] -= slope;
    for (int a = 0; a < 3; ++a) by_strain[a] += slope * r[a];
  }
  if (output.want_strain)
    for (int a = 0; a < 3; ++a) output.strain_derivative[6 + a] += by_strain[a];
}

}  // namespace hotpp::pme
