// SPDX-License-Identifier: GPL-2.0-or-later
// Clusters on the emulated device, on host arrays.
#pragma once

#include "pme/cuda/cluster_pipeline.h"
#include "pme/cuda/emulated_device.h"
#include "pme/cuda/problems.h"

namespace hotpp::pme::cuda {

class EmulatedCluster {
 public:
  EmulatedCluster(const Kernel& kernel, double farthest, bool subtract_self, Order order)
      : device_(order), pipeline_(kernel, farthest, subtract_self, device_) {}

  void reserve(int n) { pipeline_.reserve(n); }

  /// Arrays on the host, float64 or float32; throws what the kernels found wrong.
  void execute_host(const DeviceAtoms& atoms, const DeviceOutput& output) {
    pipeline_.reserve(atoms.n);
    pipeline_.run(atoms, output);
    const State found = *pipeline_.state();
    pipeline_.state()->reported_problems = 0;
    pipeline_.state()->reported_atom = std::numeric_limits<int>::max();
    throw_problems(found);
  }

 private:
  EmulatedLauncher device_;
  ClusterPipeline<EmulatedLauncher> pipeline_;
};

}  // namespace hotpp::pme::cuda
