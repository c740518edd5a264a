// SPDX-License-Identifier: GPL-2.0-or-later
// The model's ghost exchange over MPI. Without headers of torch.
//
// Not through LAMMPS's forward_comm and reverse_comm: these send a row for every image of an atom, those of a
// rank's own atoms included, in six swaps that wait for each other; here a distinct atom travels once.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "atom_rows.h"
#include "pme/mpi/remote_rows.h"
#include "profile.h"

namespace hotpp {

class RankExchange;

// Registers an exchange for the model and releases it in the end. `rows` and `profile` must live as long.
class EngineExchange {
 public:
  // Collective.
  EngineExchange(MPI_Comm world, const AtomRows& rows, Profile& profile);
  ~EngineExchange();
  EngineExchange(const EngineExchange&) = delete;
  EngineExchange& operator=(const EngineExchange&) = delete;
  std::int64_t handle() const { return handle_; }
  // Collective, after the rows were assigned anew: owners of those from n_owned on.
  void rows_changed(const std::vector<pme::RowOwner>& remote);
  // At any step, on all ranks: only those of these rows that are needed in it [n_remote] travel, and are the
  // rows from n_owned on.
  void select(const std::vector<char>& needed);
  // What this rank has sent to others since the last call.
  pme::Messages take_sent();

 private:
  std::shared_ptr<RankExchange> exchange_;
  std::int64_t handle_;
};

}  // namespace hotpp
