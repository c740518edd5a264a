// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cluster.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "pme/accuracy.h"
#include "pme/constants.h"
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

template <class Real>
Cluster<Real>::Cluster(const Kernel& kernel, double accuracy, bool subtract_self, ClusterMethod method)
    : kernel_(kernel), accuracy_(accuracy), subtract_self_(subtract_self), method_(method) {
  check({8, {8, 8, 8}, kernel});
  check_accuracy(accuracy);
  // Beyond 6 smearings the prolate kernel still oscillates with the height of its step.
  if (kernel.tail <= accuracy) return;
  if (method == ClusterMethod::Mesh)
    throw std::invalid_argument("The accuracy is " + std::to_string(accuracy) +
                                ", but the prolate kernel ends with a step of " +
                                std::to_string(kernel.tail) +
                                ", which a mesh with open boundaries feels: use the direct sum, the Gaussian "
                                "kernel or a larger error.");
  method_ = ClusterMethod::Direct;
}

template <class Real>
typename Cluster<Real>::Extent Cluster<Real>::extent_of(std::int64_t n, const double* positions) {
  Extent extent{};
  double centre[3];
  for (int a = 0; a < 3; ++a) {
    double low = n ? positions[a] : 0.0, high = low;
    for (std::int64_t i = 1; i < n; ++i) {
      low = std::min(low, positions[3 * i + a]);
      high = std::max(high, positions[3 * i + a]);
    }
    extent.edges[a] = high - low;
    centre[a] = 0.5 * (low + high);
  }
  double farthest = 0.0;
  for (std::int64_t i = 0; i < n; ++i)
    farthest = std::max(farthest, std::hypot(positions[3 * i] - centre[0], positions[3 * i + 1] - centre[1],
                                             positions[3 * i + 2] - centre[2]));
  extent.diameter = 2.0 * farthest;
  return extent;
}

/// A box and a cutoff for the cluster, kept while they are neither too small nor much too large.
template <class Real>
void Cluster<Real>::fit_box(const Extent& extent, std::int64_t n, const double* positions,
                            const double* charges, const double* dipoles) {
  bool fits = order_ > 0 && has_dipoles_ == (dipoles != nullptr) && extent.diameter <= reach_ &&
              extent.diameter * slack * slack * slack >= reach_;
  for (int a = 0; fits && a < 3; ++a) fits = extent.edges[a] <= room_[a];
  if (fits) return;
  order_ = 0;  // so that a refusal below leaves nothing behind that seems to fit
  reach_ = slack * extent.diameter;
  has_dipoles_ = dipoles != nullptr;
  const double margin = smearing_reach * kernel_.smearing;
  box_ = {};
  for (int a = 0; a < 3; ++a) {
    room_[a] = slack * extent.edges[a];
    box_[4 * a] = room_[a] + reach_ + 2.0 * margin;
  }
  choose_mesh(n, positions, charges, dipoles);
  plan_.reset();
}

template <class Real>
void Cluster<Real>::make_plan() {
  Kernel truncated = kernel_;
  truncated.truncation = reach_ + smearing_reach * kernel_.smearing;
  Settings settings{order_, mesh_, truncated};
  settings.subtract_self = subtract_self_;
  plan_ = std::make_unique<Plan<Real>>(settings);
  plan_->set_cell(box_.data());
}

/// A cluster so sparse that no mesh can hold its box is left to the direct sum.
template <class Real>
bool Cluster<Real>::box_fits(const Extent& extent, std::int64_t n, const double* positions,
                             const double* charges, const double* dipoles) {
  try {
    fit_box(extent, n, positions, charges, dipoles);
    return true;
  } catch (const std::invalid_argument&) {
    plan_.reset();
    return false;
  }
}

template <class Real>
void Cluster<Real>::choose_mesh(std::int64_t n, const double* positions, const double* charges,
                                const double* dipoles) {
  bool any = false;
  for (std::int64_t i = 0; i < n && !any; ++i) any = charges[i] != 0.0;
  for (std::int64_t i = 0; dipoles && i < 3 * n && !any; ++i) any = dipoles[i] != 0.0;
  const Sources sources =
      any ? Sources::measured(n, positions, charges, dipoles) : Sources::assumed(n, dipoles != nullptr);
  // Errors are those of the cluster, not of the empty box around it.
  double cell[9] = {}, box[3];
  for (int a = 0; a < 3; ++a) {
    cell[4 * a] = room_[a] + 2.0 * kernel_.smearing;
    box[a] = box_[4 * a];
  }
  const Choice choice = choose(cell, kernel_, accuracy_, dipoles != nullptr, sources, 4, max_order, box);
  order_ = choice.order;
  mesh_ = choice.mesh;
}

template <class Real>
void Cluster<Real>::execute(std::int64_t n, const double* positions, const double* charges,
                            const double* dipoles, Output& output) {
  check_atoms(n, positions, charges, dipoles);
  if (output.atom_strain)
    throw std::invalid_argument(
        "A cluster has no strain derivatives of its atoms: ask for that of the whole, or use a periodic "
        "cell.");
  const Extent extent = extent_of(n, positions);
  if (extent.diameter > largest_extent * kernel_.smearing)
    throw std::invalid_argument("The cluster is " + std::to_string(extent.diameter) +
                                " Å across: look for an atom that has left it.");
  double* const wanted = output.forces;
  if (output.want_strain && !wanted) {
    forces_.resize(3 * n);
    output.forces = forces_.data();
  }
  used_mesh_ = method_ == ClusterMethod::Mesh;
  const double direct = 0.5 * pair_cost[dipoles != nullptr] * n * n;
  // below, a mesh cannot win
  if (method_ == ClusterMethod::Auto && direct > 3e6) {
    used_mesh_ = box_fits(extent, n, positions, charges, dipoles) &&
                 mesh_cost(n, order_, mesh_, dipoles != nullptr) < direct;
  }
  if (used_mesh_) {
    fit_box(extent, n, positions, charges, dipoles);
    if (!plan_) make_plan();
    const bool strain = output.want_strain;
    output.want_strain = false;
    plan_->execute(n, positions, charges, dipoles, output);
    output.want_strain = strain;
  } else {
    if (!table_ || table_->farthest() < extent.diameter)
      table_.emplace(kernel_, slack * std::max(extent.diameter, kernel_.smearing));
    output.energy = 0.0;
    add_direct_sum(*table_, n, positions, charges, dipoles, output);
    if (!subtract_self_) add_self(n, charges, dipoles, output);
  }
  if (output.want_strain)
    for (int ab = 0; ab < 9; ++ab) {
      double sum = 0.0;
      for (std::int64_t i = 0; i < n; ++i) sum -= output.forces[3 * i + ab / 3] * positions[3 * i + ab % 3];
      output.strain_derivative[ab] = sum;
    }
  output.forces = wanted;
  check_results(n, output);
}

/// What every smeared charge and dipole does to itself.
template <class Real>
void Cluster<Real>::add_self(std::int64_t n, const double* charges, const double* dipoles,
                             Output& output) const {
  const double b0 = coulomb_constant * kernel_.self_charge, b1 = coulomb_constant * kernel_.self_dipole;
  for (std::int64_t i = 0; i < n; ++i) {
    output.energy += 0.5 * b0 * charges[i] * charges[i];
    if (output.potential) output.potential[i] += b0 * charges[i];
    for (int a = 0; dipoles && a < 3; ++a) {
      const double mu = dipoles[3 * i + a];
      output.energy += 0.5 * b1 * mu * mu;
      if (output.field) output.field[3 * i + a] -= b1 * mu;
    }
  }
}

template class Cluster<float>;
template class Cluster<double>;

}  // namespace hotpp::pme
