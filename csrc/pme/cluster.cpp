// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cluster.h"

#include <stdexcept>

#include "pme/accuracy.h"
#include "pme/inputs.h"

namespace hotpp::pme {

template <class Real>
Cluster<Real>::Cluster(const Kernel& kernel, double accuracy, bool subtract_self, ClusterMethod method)
    : kernel_(kernel),
      subtract_self_(subtract_self),
      method_(allowed_method(kernel, accuracy, method)),
      box_(kernel, accuracy) {}

template <class Real>
void Cluster<Real>::fit_box(const ClusterExtent& extent, std::int64_t n, const double* positions,
                            const double* charges, const double* dipoles) {
  if (box_.fits(extent, dipoles != nullptr)) return;
  plan_.reset();
  box_.make(extent, n, positions, charges, dipoles);
}

/// A cluster so sparse that no mesh can hold its box is left to the direct sum.
template <class Real>
bool Cluster<Real>::box_fits(const ClusterExtent& extent, std::int64_t n, const double* positions,
                             const double* charges, const double* dipoles) {
  try {
    fit_box(extent, n, positions, charges, dipoles);
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

void check_cluster_request(const Output& output) {
  if (output.atom_strain)
    throw std::invalid_argument(
        "A cluster has no strain derivatives of its atoms: ask for that of the whole, or use a periodic "
        "cell.");
}

template <class Real>
void Cluster<Real>::execute(std::int64_t n, const double* positions, const double* charges,
                            const double* dipoles, Output& output) {
  check_atoms(n, positions, charges, dipoles);
  check_cluster_request(output);
  Bounds bounds;
  bounds.add(n, positions);
  const ClusterExtent extent(bounds, farthest_from(bounds.centre(), n, positions));
  extent.check(kernel_);
  double* const wanted = output.forces;
  if (output.want_strain && !wanted) {
    forces_.resize(3 * n);
    output.forces = forces_.data();
  }
  used_mesh_ = method_ == ClusterMethod::Mesh;
  const double direct = direct_sum_cost(n, dipoles != nullptr);
  if (method_ == ClusterMethod::Auto && direct > always_direct)
    used_mesh_ = box_fits(extent, n, positions, charges, dipoles) &&
                 mesh_cost(n, box_.order(), box_.mesh(), dipoles != nullptr) < direct;
  if (used_mesh_) {
    fit_box(extent, n, positions, charges, dipoles);
    if (!plan_) {
      plan_ = std::make_unique<Plan<Real>>(box_.settings(subtract_self_));
      plan_->set_cell(box_.vectors());
    }
    const bool strain = output.want_strain;
    output.want_strain = false;
    plan_->execute(n, positions, charges, dipoles, output);
    output.want_strain = strain;
  } else {
    if (!table_ || table_->farthest() < extent.diameter) table_.emplace(table_for(kernel_, extent.diameter));
    energies_.resize(n);
    direct_sum_rows(*table_, n, positions, charges, dipoles, 0, n, energies_.data(), output);
    output.energy = 0.0;
    for (const double e : energies_) output.energy += e;
    if (!subtract_self_) add_self_energy(kernel_, n, charges, dipoles, output);
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

template class Cluster<float>;
template class Cluster<double>;

}  // namespace hotpp::pme
