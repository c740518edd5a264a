// SPDX-License-Identifier: GPL-2.0-or-later
// Plan (pme/plan.h) with the mesh distributed over the ranks of a communicator. Atoms may be owned by any
// rank; no rank needs to know where the others' atoms are, and no ghost atoms are needed. docs/mesh_mpi.md.
//
// The results have the same bits for any number of ranks, any sharing out of the atoms and any layout of the
// mesh: charges are summed in fixed point, every line of the mesh is transformed alike, and global sums are
// exact.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "pme/mpi/layout.h"
#include "pme/mpi/traffic.h"
#include "pme/settings.h"

namespace hotpp::pme {

/// The part of a mesh that one rank owns before the transform, [x][y][K3]; empty on ranks that own nothing.
template <class Real>
struct MeshPart {
  Range x, y;
  std::vector<Real> values;
};

template <class Real>
struct DistributedStep;

template <class Real>
class DistributedPlan {
 public:
  /// Collective. rows x columns mesh owners (see layout.h), or 0 x 0 to have the cheapest chosen.
  DistributedPlan(MPI_Comm comm, const Settings&, int rows = 0, int columns = 0);
  ~DistributedPlan();  ///< collective, before MPI_Finalize
  DistributedPlan(DistributedPlan&&) noexcept;
  DistributedPlan& operator=(DistributedPlan&&) noexcept;

  /// Rows a, b, c in Å, the same on all ranks; cheap when unchanged.
  void set_cell(const double cell[9]);

  /// Collective. The atoms that this rank owns, as in Plan::execute; n may be 0. Energy and strain derivative
  /// are those of all atoms, on all ranks. What is wanted may differ between ranks, and so may charges-only
  /// and dipoles. Any error is thrown on all ranks.
  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               Output&);

  const Settings& settings() const;
  const Layout& layout() const;
  /// What this rank sent in the last step.
  const Traffic& traffic() const;

  /// Collective: this rank's part of the charge mesh, for tests.
  MeshPart<Real> charge_mesh(std::int64_t n, const double* positions, const double* charges,
                             const double* dipoles);

 private:
  std::unique_ptr<DistributedStep<Real>> step_;
};

}  // namespace hotpp::pme
