// SPDX-License-Identifier: GPL-2.0-or-later
// The electrostatics of either precision and every boundary condition, on one rank or several, behind one
// interface.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <memory>

#include "pme/mpi/traffic.h"
#include "pme/settings.h"

namespace hotpp {

class Mesh {
 public:
  virtual ~Mesh() = default;
  // Rows a, b, c (Å).
  virtual void set_cell(const double* cell) = 0;
  // Collective. The n atoms of this rank; arrays of `output` belong to them, energy and strain to all atoms.
  virtual void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
                       pme::Output& output) = 0;
  // What this rank sent to others in the last execution.
  virtual pme::Messages sent() const = 0;
};

// Periodic or slab, as the settings say.
std::unique_ptr<Mesh> make_mesh(const pme::Settings&, bool single_precision, MPI_Comm);
// No periodic axis: the mesh, if there is one, is chosen by the accuracy (relative rms force error).
std::unique_ptr<Mesh> make_cluster(const pme::Kernel&, double accuracy, bool single_precision, MPI_Comm);

}  // namespace hotpp
