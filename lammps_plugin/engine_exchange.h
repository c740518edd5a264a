// SPDX-License-Identifier: GPL-2.0-or-later
// The model's ghost exchange over the communication of LAMMPS. Without headers of torch.
#pragma once

#include <cstdint>
#include <memory>

#include "atom_rows.h"
#include "ghost_transport.h"

namespace hotpp {

class LammpsExchange;

// Registers an exchange for the model and releases it in the end. `rows` and `transport` must live as long;
// they may change between evaluations.
class EngineExchange {
 public:
  EngineExchange(const AtomRows& rows, GhostTransport& transport);
  ~EngineExchange();
  EngineExchange(const EngineExchange&) = delete;
  EngineExchange& operator=(const EngineExchange&) = delete;
  std::int64_t handle() const { return handle_; }
  // After the rows were assigned anew.
  void rows_changed();

 private:
  std::shared_ptr<LammpsExchange> exchange_;
  std::int64_t handle_;
};

}  // namespace hotpp
