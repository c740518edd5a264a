// SPDX-License-Identifier: GPL-2.0-or-later
// What the emulated device records (device_graph.h): its operators with their arguments and results. Replay
// runs the same operators on the same memory, without the code that called them: where a step hides work of
// the host, its results are wrong or missing.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "device/device_graph.h"
#include "device/emulated_memory.h"

namespace hotpp::emulated {

class Recording : public DeviceGraph {
 public:
  ~Recording() override;
  void begin(DeviceGraph* earlier) override;
  // What was allocated since `begin` becomes NaN: on a device nothing has been run.
  void end() override;
  void replay() override;

  // Null: nothing is being recorded, or an operator is running, whose own copies are part of it.
  static Recording* active();
  // Throws where something is being recorded that a device cannot record.
  static void refuse(const std::string& what);

  // `work`: what has just been done, to be done again. It keeps the tensors that it needs.
  void note(std::function<void()> work) { work_.push_back(std::move(work)); }

  // Blocks of memory of the device, in any recording.
  static void allocated(void* block, std::size_t bytes);
  static void released(void* block) noexcept;

  // While one lives, an operator is running.
  struct Operator {
    Operator();
    ~Operator();
    const Memory::Access access;
  };

 private:
  std::vector<std::function<void()>> work_;
  std::map<void*, std::size_t> blocks_;  // bytes of what was allocated since `begin`
};

}  // namespace hotpp::emulated
