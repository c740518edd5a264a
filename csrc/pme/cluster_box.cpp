// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cluster_box.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "pme/accuracy.h"
#include "pme/inputs.h"

namespace hotpp::pme {
namespace {

/// Smearings beyond which two smeared charges are point charges to 1e-9.
constexpr double smearing_reach = 6.0;
/// A box is made a little larger than needed and kept while the cluster fits.
constexpr double slack = 1.05;
/// Smearings; the radial table of a prolate kernel, and any mesh, would become too large.
constexpr double largest_extent = 1e4;
/// Nanoseconds of one pair of the direct sum (both directions) on one core, charges only and with dipoles.
constexpr double pair_cost[2] = {22.0, 40.0};

}  // namespace

ClusterMethod allowed_method(const Kernel& kernel, double accuracy, ClusterMethod method) {
  check({8, {8, 8, 8}, kernel});
  check_accuracy(accuracy);
  // Beyond 6 smearings the prolate kernel still oscillates with the height of its step.
  if (kernel.tail <= accuracy) return method;
  if (method == ClusterMethod::Mesh)
    throw std::invalid_argument("The accuracy is " + std::to_string(accuracy) +
                                ", but the prolate kernel ends with a step of " +
                                std::to_string(kernel.tail) +
                                ", which a mesh with open boundaries feels: use the direct sum, the Gaussian "
                                "kernel or a larger error.");
  return ClusterMethod::Direct;
}

Bounds::Bounds() {
  low.fill(std::numeric_limits<double>::infinity());
  high.fill(-std::numeric_limits<double>::infinity());
}

void Bounds::add(std::int64_t n, const double* positions) {
  for (std::int64_t i = 0; i < n; ++i)
    for (int a = 0; a < 3; ++a) {
      low[a] = std::min(low[a], positions[3 * i + a]);
      high[a] = std::max(high[a], positions[3 * i + a]);
    }
}

std::array<double, 3> Bounds::centre() const {
  if (low[0] > high[0]) return {};  // no atoms
  return {0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1]), 0.5 * (low[2] + high[2])};
}

double farthest_from(const std::array<double, 3>& centre, std::int64_t n, const double* positions) {
  double farthest = 0.0;
  for (std::int64_t i = 0; i < n; ++i)
    farthest = std::max(farthest, std::hypot(positions[3 * i] - centre[0], positions[3 * i + 1] - centre[1],
                                             positions[3 * i + 2] - centre[2]));
  return farthest;
}

ClusterExtent::ClusterExtent(const Bounds& bounds, double farthest) : diameter(2.0 * farthest) {
  for (int a = 0; a < 3; ++a) edges[a] = std::max(0.0, bounds.high[a] - bounds.low[a]);
}

void ClusterExtent::check(const Kernel& kernel) const {
  if (diameter > largest_extent * kernel.smearing)
    throw std::invalid_argument("The cluster is " + std::to_string(diameter) +
                                " Å across: look for an atom that has left it.");
}

double direct_sum_cost(std::int64_t n, bool dipoles) {
  return 0.5 * pair_cost[dipoles] * static_cast<double>(n) * static_cast<double>(n);
}

bool ClusterBox::fits(const ClusterExtent& extent, bool dipoles) const {
  bool fits = order_ > 0 && has_dipoles_ == dipoles && extent.diameter <= reach_ &&
              extent.diameter * slack * slack * slack >= reach_;
  for (int a = 0; fits && a < 3; ++a) fits = extent.edges[a] <= room_[a];
  return fits;
}

void ClusterBox::make(const ClusterExtent& extent, std::int64_t n, const double* positions,
                      const double* charges, const double* dipoles) {
  order_ = 0;  // so that a refusal below leaves nothing behind that seems to fit
  reach_ = slack * extent.diameter;
  has_dipoles_ = dipoles != nullptr;
  const double margin = smearing_reach * kernel_.smearing;
  box_ = {};
  // Errors are those of the cluster, not of the empty box around it.
  double cell[9] = {}, box[3];
  for (int a = 0; a < 3; ++a) {
    room_[a] = slack * extent.edges[a];
    box_[4 * a] = box[a] = room_[a] + reach_ + 2.0 * margin;
    cell[4 * a] = room_[a] + 2.0 * kernel_.smearing;
  }
  const auto not_zero = [](double value) { return value != 0.0; };
  const bool any = std::any_of(charges, charges + n, not_zero) ||
                   (dipoles && std::any_of(dipoles, dipoles + 3 * n, not_zero));
  const Sources sources =
      any ? Sources::measured(n, positions, charges, dipoles) : Sources::assumed(n, has_dipoles_);
  const Choice choice = choose(cell, kernel_, accuracy_, has_dipoles_, sources, 4, max_order, box);
  order_ = choice.order;
  mesh_ = choice.mesh;
}

Settings ClusterBox::settings(bool subtract_self) const {
  Kernel truncated = kernel_;
  truncated.truncation = reach_ + smearing_reach * kernel_.smearing;
  Settings settings{order_, mesh_, truncated};
  settings.subtract_self = subtract_self;
  return settings;
}

}  // namespace hotpp::pme
