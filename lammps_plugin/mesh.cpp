// SPDX-License-Identifier: GPL-2.0-or-later
#include "mesh.h"

#include <utility>

#include "pme/cluster.h"
#include "pme/mpi/distributed_cluster.h"
#include "pme/mpi/distributed_plan.h"
#include "pme/plan.h"

namespace hotpp {
namespace {

// A plan: it has a cell. On one rank nothing is sent.
template <class Real, template <class> class Plan>
class PlanMesh : public Mesh {
 public:
  template <class... Arguments>
  explicit PlanMesh(Arguments&&... arguments) : plan_(std::forward<Arguments>(arguments)...) {}
  void set_cell(const double* cell) override { plan_.set_cell(cell); }
  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               pme::Output& output) override {
    plan_.execute(n, positions, charges, dipoles, output);
  }
  pme::Messages sent() const override { return sent_by(plan_); }

 private:
  static pme::Messages sent_by(const pme::Plan<Real>&) { return {}; }
  static pme::Messages sent_by(const pme::DistributedPlan<Real>& plan) { return plan.traffic().sum(); }
  Plan<Real> plan_;
};

// A cluster: the box follows from the atoms.
template <class Real, template <class> class Cluster>
class ClusterMesh : public Mesh {
 public:
  template <class... Arguments>
  explicit ClusterMesh(Arguments&&... arguments) : cluster_(std::forward<Arguments>(arguments)...) {}
  void set_cell(const double*) override {}
  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               pme::Output& output) override {
    cluster_.execute(n, positions, charges, dipoles, output);
  }
  pme::Messages sent() const override { return sent_by(cluster_); }

 private:
  static pme::Messages sent_by(const pme::Cluster<Real>&) { return {}; }
  static pme::Messages sent_by(const pme::DistributedCluster<Real>& cluster) { return cluster.sent(); }
  Cluster<Real> cluster_;
};

// Without the fixed point sums and messages, one rank is faster by itself.
bool alone(MPI_Comm world) {
  int ranks = 1;
  MPI_Comm_size(world, &ranks);
  return ranks == 1;
}

template <class Real>
std::unique_ptr<Mesh> make(const pme::Settings& settings, MPI_Comm world) {
  if (alone(world)) return std::make_unique<PlanMesh<Real, pme::Plan>>(settings);
  return std::make_unique<PlanMesh<Real, pme::DistributedPlan>>(world, settings);
}

template <class Real>
std::unique_ptr<Mesh> make(const pme::Kernel& kernel, double accuracy, MPI_Comm world) {
  if (alone(world)) return std::make_unique<ClusterMesh<Real, pme::Cluster>>(kernel, accuracy);
  return std::make_unique<ClusterMesh<Real, pme::DistributedCluster>>(world, kernel, accuracy);
}

}  // namespace

std::unique_ptr<Mesh> make_mesh(const pme::Settings& settings, bool single_precision, MPI_Comm world) {
  return single_precision ? make<float>(settings, world) : make<double>(settings, world);
}

std::unique_ptr<Mesh> make_cluster(const pme::Kernel& kernel, double accuracy, bool single_precision,
                                   MPI_Comm world) {
  return single_precision ? make<float>(kernel, accuracy, world) : make<double>(kernel, accuracy, world);
}

}  // namespace hotpp
