// SPDX-License-Identifier: GPL-2.0-or-later
// Cluster (pme/cluster.h) on the ranks of a communicator. The direct sum: every rank learns all atoms and
// does its share of their rows, whoever owns them. The mesh: a distributed plan with the truncated kernel.
// The results have the same bits for any number of ranks and any sharing out of the atoms.
#pragma once

#include <mpi.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "pme/cluster_box.h"
#include "pme/mpi/agreement.h"
#include "pme/mpi/distributed_plan.h"
#include "pme/mpi/gathered_atoms.h"
#include "pme/radial_table.h"

namespace hotpp::pme {

template <class Real>
class DistributedCluster {
 public:
  /// Collective, with the same arguments on all ranks; they are those of Cluster.
  DistributedCluster(MPI_Comm, const Kernel&, double accuracy = 1e-4, bool subtract_self = true,
                     ClusterMethod = ClusterMethod::Auto);
  DistributedCluster(const DistributedCluster&) = delete;

  /// Collective. The atoms that this rank owns, as in DistributedPlan::execute. Any error is thrown on all
  /// ranks.
  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               Output&);

  /// As Cluster::order and mesh.
  int order() const { return used_mesh_ ? box_.order() : 0; }
  std::array<int, 3> mesh() const { return used_mesh_ ? box_.mesh() : std::array<int, 3>{}; }
  /// What this rank sent in the last step.
  Messages sent() const { return sent_; }

 private:
  struct Request {
    std::int64_t atoms = 0;  // of all ranks
    bool dipoles = false, strain = false;
    ClusterExtent extent;
  };
  Request agree(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
                const Output&);
  void gather(const Request&, std::int64_t n, const double* positions, const double* charges,
              const double* dipoles);
  void fit_box(const Request&, std::int64_t n, const double* positions, const double* charges,
               const double* dipoles);
  bool box_fits(const Request&, std::int64_t n, const double* positions, const double* charges,
                const double* dipoles);
  void sum_on_mesh(const Request&, std::int64_t n, const double* positions, const double* charges,
                   const double* dipoles, Output&);
  void sum_directly(const Request&, Output&);

  Communicator comm_;
  Kernel kernel_;
  bool subtract_self_;
  ClusterMethod method_ = ClusterMethod::Direct;
  ClusterBox box_;
  std::uint64_t settings_ = 0;  // hash
  bool used_mesh_ = false;
  std::unique_ptr<DistributedPlan<Real>> plan_;
  std::optional<RadialTable> table_;
  GatheredAtoms all_;
  bool gathered_ = false;  // in this step
  std::vector<Announcement> announced_;
  std::vector<double> no_dipoles_, forces_;
  Messages sent_;
};

}  // namespace hotpp::pme
