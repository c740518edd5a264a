// SPDX-License-Identifier: GPL-2.0-or-later
// The mesh of a device, as the LAMMPS plugin sees it: a library of its own per kind of device, opened at run
// time, so that one plugin runs with and without devices.
//
// libhotpp_device_<kind>.so (kind as torch calls it: cuda; or emulated, for tests) lies beside the plugin and
// has the functions hotpp_make_device_mesh and hotpp_make_device_cluster.
#pragma once

#include <cstdint>
#include <memory>

#include "pme/cuda/step.h"
#include "pme/kernel.h"
#include "pme/settings.h"

namespace hotpp {

/// The electrostatics of one boundary condition on one device. Not for several threads at a time.
class DeviceMesh {
 public:
  virtual ~DeviceMesh() = default;
  /// Rows a, b, c in Å. A cluster has none.
  virtual void set_cell(const double cell[9]) = 0;
  /// All arrays in memory of the device. Starts the work on the device's own handle of a stream
  /// (cudaStream_t) and returns. A bad atom (NaN, infinite, too large) makes all outputs NaN.
  virtual void execute(void* stream, const pme::cuda::DeviceAtoms&, const pme::cuda::DeviceOutput&) = 0;
  /// Waits for the stream; throws what was wrong with the atoms since the last look.
  virtual void throw_problems(void* stream) = 0;
};

// Both for the current device of the calling thread. They throw std::exception with a sentence.

/// Periodic or slab, as the settings say.
using DeviceMeshFactory = DeviceMesh*(const pme::Settings&, bool single_precision);
constexpr const char* kDeviceMeshFactory = "hotpp_make_device_mesh";
/// A cluster of about n atoms, by the sum over all pairs; no two may be farther apart than `farthest`, Å.
/// Null: there are so many that the mesh of the host is faster.
using DeviceClusterFactory = DeviceMesh*(const pme::Kernel&, double farthest, std::int64_t n);
constexpr const char* kDeviceClusterFactory = "hotpp_make_device_cluster";

}  // namespace hotpp
