// SPDX-License-Identifier: GPL-2.0-or-later
// Which row of the model's arrays stands for which atom of LAMMPS. Atoms that the model ignores (element
// NULL) have none.
//
// Rows are those of distinct atoms: first the owned ones, then those of other ranks that owned atoms have as
// neighbours. All images of an atom share its row, so a ghost that is the image of an owned atom has that
// one's.
#pragma once

#include <cstdint>
#include <vector>

#include "pme/mpi/remote_rows.h"

namespace hotpp {

struct AtomRows {
  std::int64_t n_owned = 0;           // rows of owned atoms, which come first
  std::vector<int> row;               // [n_owned + n_ghost atoms of LAMMPS] or -1
  std::vector<int> atom;              // [n_total] the atom of LAMMPS behind each row, one image of several
  std::vector<std::int64_t> species;  // [n_total] of the model

  std::int64_t n_total() const { return static_cast<std::int64_t>(atom.size()); }
  bool is_ignored(int i) const { return kind_[i] < 0; }  // atom of LAMMPS

  // A row for every owned atom that has a species, none for ghosts.
  void assign_owned(int n_local, int n_ghost, const int* type, const std::vector<int>& species_of_type);
  // And one for every ghost among `senders` (atoms of LAMMPS, in any order, with a species). owners [n_owned
  // + n_ghost, 2]: rank of each atom, and its row there; me: this rank. Returns the owners of the rows from
  // n_owned on, ascending.
  std::vector<pme::RowOwner> assign_senders(const std::vector<int>& senders,
                                            const std::vector<double>& owners, int me);
  // The types of the atoms may change without a new neighbour list. False when another atom is ignored now,
  // so that rows must be assigned again.
  bool update_species(const int* type, const std::vector<int>& species_of_type);

 private:
  std::vector<int> kind_;  // [n_owned + n_ghost atoms of LAMMPS] species or -1, when rows were assigned
};

}  // namespace hotpp
