// SPDX-License-Identifier: GPL-2.0-or-later
// Clusters on a CUDA device by the direct sum over all pairs: exact, float64, n² pairs. Compiled, and its
// kernels are tested on the CPU; not yet run on a device.
#pragma once

#include <memory>

#include "pme/cuda/step.h"
#include "pme/kernel.h"

namespace hotpp::pme::cuda {

/// One object has one workspace: one call at a time, on one stream after the other.
class CudaCluster {
 public:
  /// For the current device of the calling thread. farthest: no two atoms may be farther apart, Å; a Gaussian
  /// kernel needs no limit.
  CudaCluster(const Kernel&, double farthest, bool subtract_self = true);
  ~CudaCluster();

  /// Memory for n atoms; execute with more atoms than ever takes more, and waits for the device.
  void reserve(int n);
  /// As CudaPlan::execute; the strain derivative moves the atoms only.
  void execute(void* stream, const DeviceAtoms&, const DeviceOutput&);
  /// Waits for the stream and throws what was wrong in the calls since the last look.
  void throw_problems(void* stream);
  /// The same with arrays on the host, waiting for the result; for tests.
  void execute_host(const DeviceAtoms&, const DeviceOutput&);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hotpp::pme::cuda
