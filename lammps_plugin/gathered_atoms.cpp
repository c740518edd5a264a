// SPDX-License-Identifier: GPL-2.0-or-later
#include "gathered_atoms.h"

namespace hotpp {

GatheredAtoms::GatheredAtoms(MPI_Comm world) : world_(world) {
  int ranks = 1;
  MPI_Comm_rank(world, &me_);
  MPI_Comm_size(world, &ranks);
  counts_.resize(ranks);
  offsets_.resize(ranks);
}

void GatheredAtoms::gather(std::int64_t n, const double* positions, const double* charges,
                           const double* dipoles) {
  gather(n, 3, positions, positions_);
  has_dipoles_ = dipoles != nullptr;
  if (has_dipoles_) gather(n, 3, dipoles, dipoles_);
  gather(n, 1, charges, charges_);
  first_ = static_cast<std::size_t>(offsets_[me_]);
}

void GatheredAtoms::gather(std::int64_t n, int columns, const double* mine, std::vector<double>& all) {
  int count = static_cast<int>(n) * columns, total = 0;
  MPI_Allgather(&count, 1, MPI_INT, counts_.data(), 1, MPI_INT, world_);
  for (std::size_t r = 0; r < counts_.size(); ++r) {
    offsets_[r] = total;
    total += counts_[r];
  }
  all.resize(total);
  MPI_Allgatherv(mine, count, MPI_DOUBLE, all.data(), counts_.data(), offsets_.data(), MPI_DOUBLE, world_);
}

}  // namespace hotpp
