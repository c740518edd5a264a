// SPDX-License-Identifier: GPL-2.0-or-later
// The mesh of a device, as the LAMMPS plugin sees it: a library of its own per kind of device, opened at run
// time, so that one plugin runs with and without devices.
//
// libhotpp_device_<kind>.so (kind as torch calls it: cuda; or emulated, for tests) lies beside the plugin and
// has the function hotpp_make_device_mesh.
#pragma once

#include <memory>

#include "pme/cuda/step.h"
#include "pme/settings.h"

namespace hotpp {

/// Periodic and slab, on one device. Not for several threads at a time.
class DeviceMesh {
 public:
  virtual ~DeviceMesh() = default;
  /// Rows a, b, c in Å.
  virtual void set_cell(const double cell[9]) = 0;
  /// All arrays in memory of the device. Starts the work on the device's own handle of a stream
  /// (cudaStream_t) and returns. A bad atom (NaN, infinite, too large) makes all outputs NaN.
  virtual void execute(void* stream, const pme::cuda::DeviceAtoms&, const pme::cuda::DeviceOutput&) = 0;
  /// Waits for the stream; throws what was wrong with the atoms since the last look.
  virtual void throw_problems(void* stream) = 0;
};

/// For the current device of the calling thread. Throws std::exception with a sentence.
using DeviceMeshFactory = DeviceMesh*(const pme::Settings&, bool single_precision);
constexpr const char* kDeviceMeshFactory = "hotpp_make_device_mesh";

}  // namespace hotpp
