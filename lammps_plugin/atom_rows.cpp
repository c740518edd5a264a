// SPDX-License-Identifier: GPL-2.0-or-later
#include "atom_rows.h"

#include <cstddef>

namespace hotpp {

void AtomRows::assign(int n_local, int n_ghost, const int* type, const std::vector<int>& species_of_type) {
  row.assign(static_cast<std::size_t>(n_local) + n_ghost, -1);
  atom.clear();
  species.clear();
  for (int i = 0; i < n_local + n_ghost; ++i) {
    if (i == n_local) n_owned = n_total();
    const int kind = species_of_type[type[i]];
    if (kind < 0) continue;
    row[i] = static_cast<int>(atom.size());
    atom.push_back(i);
    species.push_back(kind);
  }
  if (n_ghost == 0) n_owned = n_total();
}

void AtomRows::assign(int n_local, int n_ghost, const int* type, const std::vector<int>& species_of_type,
                      const std::vector<double>& owner) {
  assign(n_local, 0, type, species_of_type);
  row.resize(static_cast<std::size_t>(n_local) + n_ghost);
  for (int i = n_local; i < n_local + n_ghost; ++i) row[i] = row[static_cast<int>(owner[i])];
}

bool AtomRows::update_species(const int* type, const std::vector<int>& species_of_type) {
  for (std::size_t i = 0; i < row.size(); ++i)
    if ((species_of_type[type[i]] < 0) != (row[i] < 0)) return false;
  for (std::size_t r = 0; r < atom.size(); ++r) species[r] = species_of_type[type[atom[r]]];
  return true;
}

}  // namespace hotpp
