// SPDX-License-Identifier: GPL-2.0-or-later
// Recordings of a step on a device: after a few steps with the same shapes and the same memory, all further
// ones are two launches, one before and one after the mesh, which has its own.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "device.h"

namespace hotpp {

class StepGraphs {
 public:
  using Work = std::function<void()>;
  // Which shapes and which memory: a recording of other ones is of no use.
  using Key = std::array<std::int64_t, 3>;

  // HOTPP_GRAPH=0 in the environment: nothing is recorded.
  explicit StepGraphs(const Device&);
  ~StepGraphs();

  // A step: `before` and `after` work on the device only and may be recorded, `between` (or null) starts work
  // there by itself. What cannot be recorded is run every time.
  void run(const Key&, const Work& before, const Work& between, const Work& after);
  // What somebody should be told, once: that steps are recorded now, or why they are not.
  std::string take_note();

 private:
  void rehearse(const Work& step);
  void record(const Work& before, const Work& between, const Work& after);
  void replay(const Work& between);
  void forget();

  Device device_;
  bool wanted_;
  Key key_{};
  std::int64_t steps_ = 0;       // with this key
  std::int64_t recordings_ = 0;  // so far
  std::unique_ptr<DeviceGraph> before_,
      after_;  // after_: null where nothing is between
  std::string note_;
};

}  // namespace hotpp
