// SPDX-License-Identifier: GPL-2.0-or-later
// All atoms of all ranks on every rank.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hotpp {

class GatheredAtoms {
 public:
  explicit GatheredAtoms(MPI_Comm world);
  // Collective. The n atoms of this rank; dipoles null on all ranks or on none.
  void gather(std::int64_t n, const double* positions, const double* charges, const double* dipoles);

  std::int64_t size() const { return static_cast<std::int64_t>(charges_.size()); }
  std::size_t first() const { return first_; }  // of this rank's atoms
  const double* positions() const { return positions_.data(); }
  const double* charges() const { return charges_.data(); }
  const double* dipoles() const { return has_dipoles_ ? dipoles_.data() : nullptr; }

 private:
  void gather(std::int64_t n, int columns, const double* mine, std::vector<double>& all);

  MPI_Comm world_;
  int me_ = 0;
  std::size_t first_ = 0;
  bool has_dipoles_ = false;
  std::vector<int> counts_, offsets_;
  std::vector<double> positions_, charges_, dipoles_;
};

}  // namespace hotpp
