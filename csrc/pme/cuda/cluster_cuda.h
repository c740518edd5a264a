// SPDX-License-Identifier: GPL-2.0-or-later
// Clusters on a CUDA device by the direct sum over all pairs: exact, float64, n² pairs. Compiled, and its
// kernels are tested on the CPU; not yet run on a device.
#pragma once

#include <cstdint>
#include <memory>

#include "pme/cuda/device_sums.h"
#include "pme/kernel.h"

namespace hotpp::pme::cuda {

/// The strain derivative moves the atoms only.
class CudaCluster : public DeviceSums {
 public:
  /// farthest: no two atoms may be farther apart, Å; a Gaussian kernel needs no limit.
  CudaCluster(const Kernel&, double farthest, bool subtract_self = true);
  ~CudaCluster() override;

  /// Beyond, about, one core does it faster by the mesh of pme/cluster.h: estimated from operations, for the
  /// float64 speed of the current device.
  static std::int64_t most_atoms();

  void reserve(int n) override;
  void execute(void* stream, const DeviceAtoms&, const DeviceOutput&) override;
  void throw_problems(void* stream) override;
  void execute_host(const DeviceAtoms&, const DeviceOutput&) override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hotpp::pme::cuda
