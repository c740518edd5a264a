// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/inputs.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "pme/slab.h"
#include "pme/splines.h"

namespace hotpp::pme {
namespace {

/// Without a branch per number: x - x is zero, or not a number.
bool all_finite(const double* values, std::int64_t count) {
  constexpr std::int64_t block = 4096;
  const std::int64_t blocks = (count + block - 1) / block;
  int bad = 0;
#pragma omp parallel for schedule(static) reduction(| : bad) if (blocks > 8)
  for (std::int64_t k = 0; k < blocks; ++k) {
    const std::int64_t begin = k * block, end = count < begin + block ? count : begin + block;
    double sum[8] = {};
    std::int64_t i = begin;
    for (; i + 8 <= end; i += 8)
      for (int j = 0; j < 8; ++j) sum[j] += values[i + j] - values[i + j];
    for (; i < end; ++i) sum[0] += values[i] - values[i];
    for (int j = 0; j < 8; ++j) bad |= sum[j] != 0.0;
  }
  return !bad;
}

void require_finite(const double* values, std::int64_t n, int columns, const char* name) {
  if (all_finite(values, n * columns)) return;
  for (std::int64_t i = 0; i < n * columns; ++i)
    if (!std::isfinite(values[i]))
      throw std::invalid_argument(std::string("The ") + name + " of atom " + std::to_string(i / columns) +
                                  " is " + std::to_string(values[i]) +
                                  ": all of them must be finite; look at what made them (an exploding run, a "
                                  "broken model) first.");
}

}  // namespace

void check(const Settings& settings) {
  const int order = settings.order;
  if (order < min_order || order > max_order)
    throw std::invalid_argument("The assignment order is " + std::to_string(order) +
                                ": choose an integer from " + std::to_string(min_order) + " to " +
                                std::to_string(max_order) + ".");
  for (int points : settings.mesh)
    if (points < order)
      throw std::invalid_argument(
          "The mesh has " + std::to_string(points) + " points along one axis, but order " +
          std::to_string(order) +
          " touches that many points: give at least as many mesh points as the order.");
  if (!(settings.kernel.smearing > 0) || !std::isfinite(settings.kernel.smearing))
    throw std::invalid_argument("The smearing is " + std::to_string(settings.kernel.smearing) +
                                ": give a positive length in Å.");
}

void check(const Cell& cell) {
  if (!(cell.volume > 0)) throw std::invalid_argument("The plan has no cell yet: call set_cell first.");
}

void check_accuracy(double accuracy) {
  if (!(accuracy > 0.0 && accuracy < 1.0))
    throw std::invalid_argument("The accuracy is " + std::to_string(accuracy) +
                                ": give the relative rms force error, between 0 and 1.");
}

void check_atoms(std::int64_t n, const double* positions, const double* charges, const double* dipoles) {
  require_finite(positions, n, 3, "position");
  require_finite(charges, n, 1, "charge");
  if (dipoles) require_finite(dipoles, n, 3, "dipole");
}

void check_execute(const Settings& settings, const Cell& cell, std::int64_t n, const double* positions,
                   const double* charges, const double* dipoles, const Output& output) {
  check(cell);
  if (dipoles && output.forces && settings.order < 4)
    throw std::invalid_argument(
        "The assignment order is 3, but forces on dipoles need second derivatives of the weights: use order "
        "4 or "
        "more (6 to 8 recommended).");
  check_atoms(n, positions, charges, dipoles);
  if (settings.boundary == Boundary::Slab) check_slab(cell, n, positions);
}

}  // namespace hotpp::pme
