// SPDX-License-Identifier: GPL-2.0-or-later
// Rows of a device's tensor that travel between ranks, in page-locked memory of the host: only those that
// other ranks have asked for, and those that this one has asked for.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "atom_rows.h"
#include "device_tensors.h"
#include "pme/mpi/remote_rows.h"

namespace hotpp {

class StagedRows {
 public:
  StagedRows(const AtomRows& rows, pme::RemoteRows& remote) : rows_(rows), remote_(remote) {}
  void rows_changed() { border_there_ = at::Tensor(); }

  // Collective among ranks that need each other's rows. owned [n_owned, columns] -> [n_total, columns].
  at::Tensor fill_ghosts(const at::Tensor& owned);
  // Likewise. total [n_total, columns] -> [n_owned, columns], rows of other ranks added to those of their
  // owners.
  at::Tensor sum_ghosts(const at::Tensor& total);

 private:
  std::int64_t n_border() const { return static_cast<std::int64_t>(remote_.border().size()); }
  void place_border(at::Device);

  const AtomRows& rows_;
  pme::RemoteRows& remote_;
  HostBuffer border_, others_;  // [n_border, columns], [n_remote, columns]
  // On the device. A row that several ranks need is sent to each and gets a sum of what comes back.
  at::Tensor border_there_;         // [n_border] row
  at::Tensor by_row_;               // [n_border] places in the border, ascending in the row, then in the rank
  at::Tensor rows_there_, counts_;  // [n_distinct] row; how many of by_row_ belong to it
};

}  // namespace hotpp
