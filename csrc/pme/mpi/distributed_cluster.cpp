// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/distributed_cluster.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>

#include "pme/accuracy.h"
#include "pme/cluster.h"
#include "pme/inputs.h"
#include "pme/mpi/exact_sum.h"
#include "pme/mpi/layout.h"

namespace hotpp::pme {
namespace {

/// What the direct sum has for an atom, one row: potential, field, force, share of the energy.
constexpr int row = 8;

/// -sum_i F_ia r_ib over the atoms of all ranks, rounded once.
void strain_of_all(const Communicator& comm, std::int64_t n, const double* positions, const double* forces,
                   double* strain) {
  constexpr int sums = 9, flag = sums * ExactSum::bins;
  double buffer[flag + 1] = {};
  bool fits = true;
  for (int ab = 0; ab < sums; ++ab) {
    ExactSum sum;
    for (std::int64_t i = 0; i < n; ++i)
      fits = sum.add(-forces[3 * i + ab / 3] * positions[3 * i + ab % 3]) && fits;
    sum.export_bins(buffer + ab * ExactSum::bins);
  }
  buffer[flag] = !fits;
  MPI_Allreduce(MPI_IN_PLACE, buffer, flag + 1, MPI_DOUBLE, MPI_SUM, comm.get());
  if (buffer[flag] > 0)
    throw std::overflow_error(
        "The virial of a cluster is too large to be summed (5e11 eV): look at the charges and dipoles.");
  for (int ab = 0; ab < sums; ++ab) strain[ab] = ExactSum::value(buffer + ab * ExactSum::bins);
}

}  // namespace

template <class Real>
DistributedCluster<Real>::DistributedCluster(MPI_Comm comm, const Kernel& kernel, double accuracy,
                                             bool subtract_self, ClusterMethod method)
    : comm_(comm), kernel_(kernel), subtract_self_(subtract_self), box_(kernel, accuracy), all_(comm_.get()) {
  const double settings[] = {double(kernel.kind),   kernel.smearing, kernel.tail, accuracy,
                             double(subtract_self), double(method)};
  Announcement mine;
  std::string error;
  mine.common = settings_ = hash_of(settings, static_cast<int>(std::size(settings)));
  try {
    method_ = allowed_method(kernel, accuracy, method);
  } catch (const std::exception& e) {
    mine.failed = true;
    error = e.what();
  }
  announce(comm_, mine, error, "cluster settings", &announced_);
}

/// What all ranks together ask for, and how large the cluster is.
template <class Real>
typename DistributedCluster<Real>::Request DistributedCluster<Real>::agree(std::int64_t n,
                                                                           const double* positions,
                                                                           const double* charges,
                                                                           const double* dipoles,
                                                                           const Output& output) {
  Announcement mine;
  std::string error;
  mine.common = settings_;
  mine.atoms = n;
  mine.wants_strain = output.want_strain;
  mine.has_dipoles = n > 0 && dipoles;
  Bounds bounds;
  try {
    check_atoms(n, positions, charges, dipoles);
    check_cluster_request(output);
    bounds.add(n, positions);
  } catch (const std::exception& e) {
    mine.failed = true;
    error = e.what();
  }
  announce(comm_, mine, error, "cluster settings", &announced_);
  Request request;
  for (const Announcement& a : announced_) {
    request.atoms += a.atoms;
    request.dipoles |= a.has_dipoles;
    request.strain |= a.wants_strain;
  }
  double extremes[6];
  for (int a = 0; a < 3; ++a) extremes[a] = -bounds.low[a], extremes[3 + a] = bounds.high[a];
  MPI_Allreduce(MPI_IN_PLACE, extremes, 6, MPI_DOUBLE, MPI_MAX, comm_.get());
  for (int a = 0; a < 3; ++a) bounds.low[a] = -extremes[a], bounds.high[a] = extremes[3 + a];
  double farthest = farthest_from(bounds.centre(), n, positions);
  MPI_Allreduce(MPI_IN_PLACE, &farthest, 1, MPI_DOUBLE, MPI_MAX, comm_.get());
  request.extent = ClusterExtent(bounds, farthest);
  request.extent.check(kernel_);  // the same on all ranks
  sent_ = {};
  sent_.add(sizeof(Announcement));
  sent_.add(sizeof(extremes));
  sent_.add(sizeof(farthest));
  return request;
}

/// In the same order on any number of ranks.
template <class Real>
void DistributedCluster<Real>::gather(const Request& request, std::int64_t n, const double* positions,
                                      const double* charges, const double* dipoles) {
  if (gathered_) return;
  gathered_ = true;
  all_.gather(n, positions, charges, request.dipoles ? dipoles : nullptr);
  all_.sort();
  sent_.messages += all_.sent().messages;
  sent_.bytes += all_.sent().bytes;
}

template <class Real>
void DistributedCluster<Real>::fit_box(const Request& request, std::int64_t n, const double* positions,
                                       const double* charges, const double* dipoles) {
  if (box_.fits(request.extent, request.dipoles)) return;
  plan_.reset();
  gather(request, n, positions, charges, dipoles);
  box_.make(request.extent, all_.size(), all_.positions(), all_.charges(), all_.dipoles());
}

template <class Real>
bool DistributedCluster<Real>::box_fits(const Request& request, std::int64_t n, const double* positions,
                                        const double* charges, const double* dipoles) {
  try {
    fit_box(request, n, positions, charges, dipoles);
    return true;
  } catch (const std::invalid_argument&) {  // on all ranks
    return false;
  }
}

template <class Real>
void DistributedCluster<Real>::sum_on_mesh(const Request& request, std::int64_t n, const double* positions,
                                           const double* charges, const double* dipoles, Output& output) {
  if (!plan_) {
    plan_ = std::make_unique<DistributedPlan<Real>>(comm_.get(), box_.settings(subtract_self_));
    plan_->set_cell(box_.vectors());
  }
  Output of_plan = output;
  of_plan.want_strain = false;
  forces_.resize(3 * static_cast<std::size_t>(n) + 1);
  if (request.strain && !output.forces) of_plan.forces = forces_.data();
  plan_->execute(n, positions, charges, dipoles, of_plan);
  output.energy = of_plan.energy;
  if (request.strain) strain_of_all(comm_, n, positions, of_plan.forces, output.strain_derivative);
  const Messages messages = plan_->traffic().sum();
  sent_.messages += messages.messages;
  sent_.bytes += messages.bytes;
}

template <class Real>
void DistributedCluster<Real>::sum_directly(const Request& request, Output& output) {
  const double diameter = request.extent.diameter;
  if (!table_ || table_->farthest() < diameter) table_.emplace(table_for(kernel_, diameter));
  const std::int64_t n = all_.size();
  const int ranks = comm_.size();
  const auto begin_of = [&](int rank) { return n * rank / ranks; };
  const std::int64_t begin = begin_of(comm_.rank()), end = begin_of(comm_.rank() + 1);
  std::vector<double> potential(n), field(3 * n), forces(3 * n), energies(n), rows(row * n);
  Output all;
  all.potential = potential.data();
  all.field = field.data();
  all.forces = forces.data();
  direct_sum_rows(*table_, n, all_.positions(), all_.charges(), all_.dipoles(), begin, end, energies.data(),
                  all);
  for (std::int64_t i = begin; i < end; ++i) {
    double* const to = &rows[row * i];
    to[0] = potential[i];
    std::copy_n(&field[3 * i], 3, to + 1);
    std::copy_n(&forces[3 * i], 3, to + 4);
    to[7] = energies[i];
  }
  std::vector<int> counts(ranks), offsets(ranks);
  for (int rank = 0; rank < ranks; ++rank) {
    offsets[rank] = static_cast<int>(row * begin_of(rank));
    counts[rank] = static_cast<int>(row * (begin_of(rank + 1) - begin_of(rank)));
  }
  MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, rows.data(), counts.data(), offsets.data(), MPI_DOUBLE,
                 comm_.get());
  sent_.add(static_cast<std::int64_t>(counts[comm_.rank()] * sizeof(double)));
  for (std::int64_t i = 0; i < n; ++i) {
    const double* const from = &rows[row * i];
    potential[i] = from[0];
    std::copy_n(from + 1, 3, &field[3 * i]);
    std::copy_n(from + 4, 3, &forces[3 * i]);
    all.energy += from[7];
  }
  if (!subtract_self_) add_self_energy(kernel_, n, all_.charges(), all_.dipoles(), all);
  check_results(n, all);  // the same on all ranks
  output.energy = all.energy;
  for (int ab = 0; output.want_strain && ab < 9; ++ab) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < n; ++i) sum -= forces[3 * i + ab / 3] * all_.positions()[3 * i + ab % 3];
    output.strain_derivative[ab] = sum;
  }
  for (std::size_t i = 0; i < all_.mine().size(); ++i) {
    const std::int64_t from = all_.mine()[i];
    if (output.potential) output.potential[i] = potential[from];
    if (output.field) std::copy_n(&field[3 * from], 3, output.field + 3 * i);
    if (output.forces) std::copy_n(&forces[3 * from], 3, output.forces + 3 * i);
  }
}

template <class Real>
void DistributedCluster<Real>::execute(std::int64_t n, const double* positions, const double* charges,
                                       const double* dipoles, Output& output) {
  gathered_ = false;
  const Request request = agree(n, positions, charges, dipoles, output);
  if (request.dipoles && !dipoles) {  // those of others have some
    no_dipoles_.assign(3 * static_cast<std::size_t>(n) + 1, 0.0);
    dipoles = no_dipoles_.data();
  }
  used_mesh_ = method_ == ClusterMethod::Mesh;
  // Decided as on one rank, so that the number of ranks does not change results.
  const double direct = direct_sum_cost(request.atoms, request.dipoles);
  if (method_ == ClusterMethod::Auto && direct > always_direct)
    used_mesh_ = box_fits(request, n, positions, charges, dipoles) &&
                 mesh_cost(request.atoms, box_.order(), box_.mesh(), request.dipoles) < direct;
  if (used_mesh_) {
    fit_box(request, n, positions, charges, dipoles);
    sum_on_mesh(request, n, positions, charges, request.dipoles ? dipoles : nullptr, output);
  } else {
    gather(request, n, positions, charges, dipoles);
    sum_directly(request, output);
  }
}

template class DistributedCluster<float>;
template class DistributedCluster<double>;

}  // namespace hotpp::pme
