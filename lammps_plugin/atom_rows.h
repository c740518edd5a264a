// SPDX-License-Identifier: GPL-2.0-or-later
// Which row of the model's arrays stands for which atom of LAMMPS. Atoms that the model ignores (element
// NULL) have none.
#pragma once

#include <cstdint>
#include <vector>

namespace hotpp {

struct AtomRows {
  std::int64_t n_owned = 0;           // rows of owned atoms, which come first
  std::vector<int> row;               // [n_owned + n_ghost atoms of LAMMPS] or -1
  std::vector<int> atom;              // [n_total] the atom of LAMMPS behind each row
  std::vector<std::int64_t> species;  // [n_total] of the model

  std::int64_t n_total() const { return static_cast<std::int64_t>(atom.size()); }

  // A row for every atom that has a species, ghosts included.
  void assign(int n_local, int n_ghost, const int* type, const std::vector<int>& species_of_type);
  // Ghosts share the row of the owned atom that they are an image of. owner [n_local + n_ghost]
  void assign(int n_local, int n_ghost, const int* type, const std::vector<int>& species_of_type,
              const std::vector<double>& owner);
  // The types of the atoms may change without a new neighbour list. False when another atom is ignored now,
  // so that rows must be assigned again.
  bool update_species(const int* type, const std::vector<int>& species_of_type);
};

}  // namespace hotpp
