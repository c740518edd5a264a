// SPDX-License-Identifier: GPL-2.0-or-later
// All atoms of all ranks on every rank.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pme/mpi/traffic.h"

namespace hotpp::pme {

class GatheredAtoms {
 public:
  explicit GatheredAtoms(MPI_Comm);
  /// Collective. The n atoms of this rank; dipoles null on all ranks or on none. One rank after the other.
  void gather(std::int64_t n, const double* positions, const double* charges, const double* dipoles);
  /// Puts them into an order that depends on the atoms alone, not on whose they are.
  void sort();

  std::int64_t size() const { return static_cast<std::int64_t>(charges_.size()); }
  /// Where the atoms of this rank are, in the order in which it gave them.
  const std::vector<std::int64_t>& mine() const { return mine_; }
  const double* positions() const { return positions_.data(); }
  const double* charges() const { return charges_.data(); }
  const double* dipoles() const { return has_dipoles_ ? dipoles_.data() : nullptr; }
  const Messages& sent() const { return sent_; }

 private:
  void gather(std::int64_t n, int columns, const double* mine, std::vector<double>& all);

  MPI_Comm comm_;
  int me_ = 0;
  bool has_dipoles_ = false;
  std::vector<int> counts_, offsets_;
  std::vector<double> positions_, charges_, dipoles_;
  std::vector<std::int64_t> mine_;
  Messages sent_;
};

}  // namespace hotpp::pme
