// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/gathered_atoms.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace hotpp::pme {
namespace {

/// Rows of `columns` numbers in another order: row i of the result is row order[i].
void reorder(const std::vector<std::int64_t>& order, int columns, std::vector<double>& rows) {
  std::vector<double> result(rows.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    std::copy_n(rows.data() + columns * order[i], columns, result.data() + columns * i);
  rows = std::move(result);
}

}  // namespace

GatheredAtoms::GatheredAtoms(MPI_Comm comm) : comm_(comm) {
  int ranks = 1;
  MPI_Comm_rank(comm, &me_);
  MPI_Comm_size(comm, &ranks);
  counts_.resize(ranks);
  offsets_.resize(ranks);
}

void GatheredAtoms::gather(std::int64_t n, const double* positions, const double* charges,
                           const double* dipoles) {
  sent_ = {};
  gather(n, 3, positions, positions_);
  has_dipoles_ = dipoles != nullptr;
  if (has_dipoles_) gather(n, 3, dipoles, dipoles_);
  gather(n, 1, charges, charges_);
  mine_.resize(n);
  std::iota(mine_.begin(), mine_.end(), offsets_[me_]);
}

void GatheredAtoms::gather(std::int64_t n, int columns, const double* mine, std::vector<double>& all) {
  int count = static_cast<int>(n) * columns, total = 0;
  MPI_Allgather(&count, 1, MPI_INT, counts_.data(), 1, MPI_INT, comm_);
  for (std::size_t r = 0; r < counts_.size(); ++r) {
    offsets_[r] = total;
    total += counts_[r];
  }
  all.resize(total);
  MPI_Allgatherv(mine, count, MPI_DOUBLE, all.data(), counts_.data(), offsets_.data(), MPI_DOUBLE, comm_);
  sent_.add(static_cast<std::int64_t>(count * sizeof(double)));
}

void GatheredAtoms::sort() {
  std::vector<std::int64_t> order(size());
  std::iota(order.begin(), order.end(), 0);
  const auto before = [&](std::int64_t a, std::int64_t b) {
    for (int d = 0; d < 3; ++d)
      if (positions_[3 * a + d] != positions_[3 * b + d])
        return positions_[3 * a + d] < positions_[3 * b + d];
    // at one place: by what they carry; where that is the same as well, it does not matter who is first
    if (charges_[a] != charges_[b]) return charges_[a] < charges_[b];
    for (int d = 0; has_dipoles_ && d < 3; ++d)
      if (dipoles_[3 * a + d] != dipoles_[3 * b + d]) return dipoles_[3 * a + d] < dipoles_[3 * b + d];
    return a < b;
  };
  std::sort(order.begin(), order.end(), before);
  reorder(order, 3, positions_);
  reorder(order, 1, charges_);
  if (has_dipoles_) reorder(order, 3, dipoles_);
  std::vector<std::int64_t> place(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = static_cast<std::int64_t>(i);
  for (std::int64_t& atom : mine_) atom = place[atom];
}

}  // namespace hotpp::pme
