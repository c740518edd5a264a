// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/inputs.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "pme/slab.h"
#include "pme/splines.h"

namespace hotpp::pme {
namespace {

constexpr double finite = std::numeric_limits<double>::max();

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

/// Index of the first value beyond ±limit or not a number, or -1.
std::int64_t first_beyond(const double* values, std::int64_t count, double limit) {
  std::int64_t beyond = 0;  // counted without a branch: every number of every step passes here
#pragma omp parallel for simd schedule(static) reduction(+ : beyond) if (count > 50000)
  for (std::int64_t i = 0; i < count; ++i) beyond += !(std::abs(values[i]) <= limit);
  if (beyond == 0) return -1;
  return std::find_if(values, values + count, [&](double v) { return !(std::abs(v) <= limit); }) - values;
}

void require_finite(const double* values, std::int64_t n, int columns, const char* name) {
  const std::int64_t i = first_beyond(values, n * columns, finite);
  if (i >= 0)
    refuse("The ", name, " of atom ", i / columns, " is ", values[i],
           ": all of them must be finite; look at what made them (an exploding run, a broken model) first.");
}

void require_finite_result(const double* values, std::int64_t count, const char* name) {
  const std::int64_t i = values ? first_beyond(values, count, finite) : -1;
  if (i >= 0)
    refuse(
        "The ", name, " came out as ", values[i],
        ": charges, dipoles, smearing or cell are so large or small that the numbers of the mesh overflow; "
        "give them in e, e·Å and Å, or a mesh in double precision.");
}

}  // namespace

void check(const Settings& settings) {
  const int order = settings.order;
  if (order < min_order || order > max_order)
    refuse("The assignment order is ", order, ": choose an integer from ", min_order, " to ", max_order, ".");
  for (int points : settings.mesh) {
    if (points < order)
      refuse("The mesh has ", points, " points along one axis, but order ", order,
             " touches that many points: give at least as many mesh points as the order.");
  }
  const double smearing = settings.kernel.smearing;
  if (!(smearing >= 1e-3 && smearing <= 1e6))
    refuse("The smearing is ", smearing, ": give a positive length in Å, from 1e-3 to 1e6.");
}

void check_points(const std::array<int, 3>& mesh) {
  for (int points : mesh)
    if (points > max_points)
      refuse("The mesh has ", points, " points along one axis: at most ", max_points,
             "; check the length of the cell, the smearing and the accuracy.");
}

void check_size(const Settings& settings, std::size_t bytes) {
  check_points(settings.mesh);
  double points = 16.0 + settings.mesh[2];  // rows are padded
  points *= static_cast<double>(settings.mesh[0]) * settings.mesh[1];
  const double needed = 1.5 * points * static_cast<double>(bytes);
  const double present =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (present > 0 && needed > present) {
    std::ostringstream text;
    text << "A mesh of " << settings.mesh[0] << " x " << settings.mesh[1] << " x " << settings.mesh[2]
         << " points needs " << needed / 1e9 << " GB, but this machine has " << present / 1e9
         << " GB: choose a coarser mesh (a higher order, a larger smearing) or more machines.";
    throw NotEnoughMemory(text.str());
  }
}

void check(const Cell& cell) {
  if (!(cell.volume > 0)) throw std::invalid_argument("The plan has no cell yet: call set_cell first.");
}

void check_accuracy(double accuracy) {
  if (!(accuracy > 0.0 && accuracy < 1.0))
    refuse("The accuracy is ", accuracy, ": give the relative rms force error, between 0 and 1.");
}

bool all_within(const double* values, std::int64_t count, double limit) {
  std::int64_t beyond = 0;  // counted without a branch: every number of every step passes here
  for (std::int64_t i = 0; i < count; ++i) beyond += !(std::abs(values[i]) <= limit);
  return beyond == 0;
}

double position_limit(const Cell& cell) {
  double widest = 0.0;  // fractional coordinate per Å
  for (int d = 0; d < 3; ++d)
    widest = std::max(
        widest, std::abs(cell.inverse[d]) + std::abs(cell.inverse[3 + d]) + std::abs(cell.inverse[6 + d]));
  return max_cells_away / widest;
}

void check_positions(const Cell& cell, std::int64_t n, const double* positions) {
  require_finite(positions, n, 3, "position");
  const std::int64_t i = first_beyond(positions, 3 * n, position_limit(cell));
  if (i >= 0)
    refuse("The position of atom ", i / 3, " is ", positions[i], " Å, more than ", max_cells_away,
           " cells away: double precision no longer knows where in the cell that is; wrap the positions.");
}

void check_sources(std::int64_t n, const double* charges, const double* dipoles) {
  require_finite(charges, n, 1, "charge");
  if (dipoles) require_finite(dipoles, n, 3, "dipole");
}

void check_atoms(std::int64_t n, const double* positions, const double* charges, const double* dipoles) {
  require_finite(positions, n, 3, "position");
  const std::int64_t i = first_beyond(positions, 3 * n, max_cluster);
  if (i >= 0)
    refuse("The position of atom ", i / 3, " is ", positions[i], " Å: those of a cluster must lie within ",
           max_cluster, " Å of the origin.");
  check_sources(n, charges, dipoles);
}

void check_request(const Settings& settings, const Cell& cell, bool dipoles, const Output& output) {
  check(cell);
  if (dipoles && output.forces && settings.order < 4)
    throw std::invalid_argument(
        "The assignment order is 3, but forces on dipoles need second derivatives of the weights: use order "
        "4 or more (6 to 8 recommended).");
}

void check_execute(const Settings& settings, const Cell& cell, std::int64_t n, const double* positions,
                   const double* charges, const double* dipoles, const Output& output) {
  check_request(settings, cell, dipoles != nullptr, output);
  check_positions(cell, n, positions);
  check_sources(n, charges, dipoles);
  if (settings.boundary == Boundary::Slab) check_slab(cell, n, positions);
}

void check_results(std::int64_t n, const Output& output) {
  require_finite_result(&output.energy, 1, "energy");
  if (output.want_strain) require_finite_result(output.strain_derivative, 9, "strain derivative");
  require_finite_result(output.potential, n, "potential");
  require_finite_result(output.field, 3 * n, "field");
  require_finite_result(output.forces, 3 * n, "force");
  require_finite_result(output.atom_strain, 6 * n, "strain derivative of an atom");
}

}  // namespace hotpp::pme
