// SPDX-License-Identifier: GPL-2.0-or-later
// The mesh of either precision, on one rank or shared by several, behind one interface.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <memory>

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
};

std::unique_ptr<Mesh> make_mesh(const pme::Settings&, bool single_precision, MPI_Comm);

}  // namespace hotpp
