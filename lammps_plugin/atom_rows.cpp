// SPDX-License-Identifier: GPL-2.0-or-later
#include "atom_rows.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <utility>

namespace hotpp {

void AtomRows::assign_owned(int n_local, int n_ghost, const int* type,
                            const std::vector<int>& species_of_type) {
  const int n = n_local + n_ghost;
  row.assign(n, -1);
  kind_.resize(n);
  atom.clear();
  species.clear();
  for (int i = 0; i < n; ++i) {
    kind_[i] = species_of_type[type[i]];
    if (i >= n_local || kind_[i] < 0) continue;
    row[i] = static_cast<int>(atom.size());
    atom.push_back(i);
    species.push_back(kind_[i]);
  }
  n_owned = n_total();
}

std::vector<pme::RowOwner> AtomRows::assign_senders(const std::vector<int>& senders,
                                                    const std::vector<double>& owners, int me) {
  constexpr int kSeen = -2;
  std::vector<std::pair<pme::RowOwner, int>> images;  // of other ranks' atoms, each once
  for (const int j : senders) {
    if (row[j] != -1) continue;
    const double* found = &owners[2 * static_cast<std::size_t>(j)];
    const pme::RowOwner owner{static_cast<int>(found[0]), static_cast<int>(found[1])};
    if (owner.row < 0)
      throw std::runtime_error(
          "the owner of a ghost atom ignores it, so their types differ: a fix that changes "
          "types must send them to the ghosts");
    row[j] = owner.rank == me ? owner.row : kSeen;
    if (owner.rank != me) images.emplace_back(owner, j);
  }
  std::sort(images.begin(), images.end());
  std::vector<pme::RowOwner> remote;
  for (const auto& [owner, j] : images) {
    if (remote.empty() || remote.back() < owner) {
      remote.push_back(owner);
      atom.push_back(j);
      species.push_back(kind_[j]);
    }
    row[j] = static_cast<int>(atom.size()) - 1;
  }
  return remote;
}

bool AtomRows::update_species(const int* type, const std::vector<int>& species_of_type) {
  for (std::size_t i = 0; i < kind_.size(); ++i)
    if ((species_of_type[type[i]] < 0) != (kind_[i] < 0)) return false;
  for (std::size_t r = 0; r < atom.size(); ++r) species[r] = species_of_type[type[atom[r]]];
  return true;
}

}  // namespace hotpp
