// SPDX-License-Identifier: GPL-2.0-or-later
// Rows of a device's tensor that travel between ranks, in page-locked memory of the host.
//
// Only the rows that LAMMPS sends go through the host: those of owned atoms that have images elsewhere
// ("border"), and those of ghosts. Which owned atoms these are is learned from the first exchange after the
// rows were assigned, for which all owned rows are staged. No communication of its own: a rank may learn
// alone.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "atom_rows.h"
#include "device_tensors.h"
#include "ghost_transport.h"

namespace hotpp {

class StagedRows {
 public:
  StagedRows(const AtomRows& rows, GhostTransport& transport) : rows_(rows), transport_(transport) {}
  void rows_changed() { border_is_known_ = false; }

  // Collective. owned [n_owned, columns] -> [n_total, columns], ghost rows filled.
  at::Tensor fill_ghosts(const at::Tensor& owned);
  // Collective. total [n_total, columns] -> [n_owned, columns], ghost rows added to their owners.
  at::Tensor sum_ghosts(const at::Tensor& total);

 private:
  std::int64_t n_border() const { return static_cast<std::int64_t>(border_.size()); }
  std::int64_t n_ghosts() const { return rows_.n_total() - rows_.n_owned; }
  void place_rows(at::Device);
  void learn_border();

  const AtomRows& rows_;
  GhostTransport& transport_;
  HostBuffer buffer_;  // [n_border + n_ghosts, columns]
  bool border_is_known_ = false;
  std::vector<std::int64_t> border_;  // rows of owned atoms, ascending
  std::vector<int> place_;            // [atoms of LAMMPS] row in the buffer or -1
  at::Tensor border_there_;           // border_ on the device
};

}  // namespace hotpp
