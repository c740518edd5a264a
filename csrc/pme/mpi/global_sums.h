// SPDX-License-Identifier: GPL-2.0-or-later
// Everything that is summed over all ranks at the end of a step, in one MPI_Allreduce. The sums are exact, so
// the results have the same bits on every rank and for any number of ranks.
#pragma once

#include "pme/mpi/communicator.h"
#include "pme/mpi/distributed_convolution.h"
#include "pme/outputs.h"
#include "pme/slab.h"

namespace hotpp::pme {

/// What a rank contributes.
struct GlobalSums {
  ExactModeSums modes;
  ExactSum dipole_strain[9];  ///< as AtomSums::strain
  ExactSum charge, charge_squared, dipole_squared;
  ExactSum slab[9];  ///< SlabMoments in the order of its members
  bool mesh_overflow = false, too_large = false;

  void add_atoms(const Settings&, std::int64_t n, const double* positions, const double* charges,
                 const double* dipoles);
};

/// The same over all ranks, rounded to float64 once.
struct GlobalTotals {
  double mode_energy, mode_moments[6], dipole_strain[9];
  ChargeSums charges;
  SlabMoments slab;
  bool mesh_overflow, too_large;
};

/// Collective.
GlobalTotals reduce(const Communicator&, GlobalSums&);

/// Payload of one rank, bytes.
std::int64_t reduce_bytes();

}  // namespace hotpp::pme
