// SPDX-License-Identifier: GPL-2.0-or-later
// What the ranks tell each other at the beginning of a step. A mistake on one rank becomes the same exception
// on all of them: a rank that left alone would let the others wait for ever.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pme/mpi/communicator.h"
#include "pme/mpi/layout.h"
#include "pme/mpi/window.h"
#include "pme/settings.h"
#include "pme/slab.h"

namespace hotpp::pme {

struct Announcement {
  Box box;
  bool failed = false, wants_outputs = false, wants_strain = false, wants_atom_strain = false,
       has_dipoles = false;
  std::int64_t atoms = 0;
  double largest = 0.0;      ///< bound of a contribution to the mesh, e
  SlabExtent extent;         ///< of the atoms
  std::uint64_t common = 0;  ///< hash of what must be the same on all ranks
};
static_assert(sizeof(Announcement) == 72, "docs/mesh_mpi.md and docs/scaling.md count these bytes");

/// Of the bytes of `size` numbers (FNV-1a), continued from `hash`.
std::uint64_t hash_of(const double* values, int size, std::uint64_t hash = 14695981039346656037ull);

/// Collective: the announcements of all ranks. If a rank has failed, or `common` differs, all throw
/// std::invalid_argument; `error` is the sentence of a rank that failed, `common_name` what should be the
/// same.
void announce(const Communicator&, const Announcement& mine, const std::string& error,
              const char* common_name, std::vector<Announcement>* all);

/// Collective: the layout of the mesh, after all ranks have agreed that their settings are the same and
/// allowed.
Layout agreed_layout(const Communicator&, const Settings&, int lanes, int rows, int columns);

}  // namespace hotpp::pme
