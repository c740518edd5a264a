// SPDX-License-Identifier: GPL-2.0-or-later
// What a distributed plan keeps between steps, and the parts of a step in their order.
#pragma once

#include <memory>
#include <vector>

#include "pme/mpi/agreement.h"
#include "pme/mpi/global_sums.h"
#include "pme/mpi/halo.h"
#include "pme/mpi/pencil_convolution.h"

namespace hotpp::pme {

template <class Real>
struct DistributedStep {
  using Int = FixedInt<Real>;

  Settings settings;
  Communicator comm;
  Layout layout;
  int owner;  // of this rank, or -1
  Communicator owners;
  std::unique_ptr<DistributedConvolution<Real>> convolution;  // null if not an owner
  ModeColumns modes;
  Halo<Real> halo;
  WindowAtoms<Real> atoms;
  GrowingArray<Int> window_charges;
  GrowingArray<Real> window_potential;
  Cell cell;
  std::vector<Announcement> announced;
  std::vector<Box> boxes;
  GlobalSums sums;
  Traffic traffic;

  DistributedStep(MPI_Comm parent, const Settings& s, int rows, int columns)
      : settings(s),
        comm(parent),
        layout(agreed_layout(comm, s, fft_lanes<Real>, rows, columns)),
        owner(layout.owner_of(comm.rank(), comm.size())),
        owners(comm, owner >= 0 ? 0 : -1, owner),
        modes(s),
        halo(layout, comm),
        atoms(s.mesh, s.order) {
    if (owner < 0) return;
    convolution = std::make_unique<PencilConvolution<Real>>(s, layout, owners);
  }

  Grid<Real> window() const { return {atoms.box().size, settings.order}; }
  OwnedRows owned_rows() const {
    return convolution ? OwnedRows{convolution->plane(), convolution->row()} : OwnedRows{0, 0};
  }

  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               Output&);
  void sum_charges(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
                   const Output&);
  void write_atoms(const double* charges, const double* dipoles, Output);
  // See atom_strain.h; in distributed_strain.cpp. Collective.
  void write_atom_strain(const GlobalTotals&, std::int64_t n, const double* positions, const double* charges,
                         const double* dipoles, bool any_dipoles, double* w);
  void potential_at_atoms(std::int64_t n, const double* positions, const double* charges,
                          const double* dipoles, double* potential);
  void finish(const GlobalTotals&, std::int64_t n, const double* positions, const double* charges,
              const double* dipoles, Output&) const;
};

}  // namespace hotpp::pme
