// SPDX-License-Identifier: GPL-2.0-or-later
// Work of a device that is recorded once and then run again without the host, as the LAMMPS plugin sees it
// (CUDA: a graph of torch). The same operators on the same memory, whatever that holds by then.
//
// The function hotpp_make_device_graph lies in libhotpp_graph_<kind>.so beside the plugin, or with the mesh
// of the device (device_mesh.h).
#pragma once

namespace hotpp {

class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
  /// From now on, what this thread starts on the current stream of torch (not its default stream) is recorded
  /// and not run: no results until `replay`. Whatever needs the host (reading a number, waiting, copies
  /// between host and device, shapes that depend on numbers) throws.
  /// earlier: a graph that is always replayed before this one, with which it shares memory for what is only
  /// needed in between; or null.
  virtual void begin(DeviceGraph* earlier) = 0;
  /// Also after an error in between; then it may throw as well, and there is nothing to replay.
  virtual void end() = 0;
  /// Starts the work on the current stream and returns.
  virtual void replay() = 0;
};

/// For the current device of the calling thread.
using DeviceGraphFactory = DeviceGraph*();
constexpr const char* kDeviceGraphFactory = "hotpp_make_device_graph";

}  // namespace hotpp
