// SPDX-License-Identifier: GPL-2.0-or-later
// The plan on the emulated device, on host arrays.
#pragma once

#include "pme/cuda/emulated_device.h"
#include "pme/cuda/pipeline.h"
#include "pme/cuda/problems.h"

namespace hotpp::pme::cuda {

template <class Real>
class EmulatedPlan {
 public:
  EmulatedPlan(const Settings& settings, Path path, Order order)
      : device_((check(settings), make_layout(settings.mesh, settings.order)), order),
        pipeline_(settings, device_, path) {}

  const Settings& settings() const { return pipeline_.settings(); }
  void set_cell(const double cell[9]) { pipeline_.set_cell(cell); }

  void reserve(int n) { pipeline_.reserve(n); }
  /// What the last call took for the largest charge of a mesh point that is possible, e.
  double mesh_bound() { return value_of(pipeline_.state()->largest) * value_of(pipeline_.state()->crowd); }

  /// Arrays on the host, float64 or float32; throws what the kernels found wrong.
  void execute_host(const DeviceAtoms& atoms, const DeviceOutput& output) {
    pipeline_.reserve(atoms.n);
    pipeline_.run(pipeline_.step(atoms, output), pipeline_.shape(atoms, output));
    const State found = *pipeline_.state();
    pipeline_.state()->reported_problems = 0;
    pipeline_.state()->reported_atom = std::numeric_limits<int>::max();
    throw_problems(found);
  }

 private:
  EmulatedDevice<Real> device_;
  Pipeline<Real, EmulatedDevice<Real>> pipeline_;
};

}  // namespace hotpp::pme::cuda
