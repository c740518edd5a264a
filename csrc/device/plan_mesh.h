// SPDX-License-Identifier: GPL-2.0-or-later
// What pme/cuda has, as a DeviceMesh.
#pragma once

#include <utility>

#include "device/device_mesh.h"

namespace hotpp {

/// A direct sum.
template <class Solver>
class ClusterMesh : public DeviceMesh {
 public:
  template <class... Arguments>
  explicit ClusterMesh(Arguments&&... arguments) : solver_(std::forward<Arguments>(arguments)...) {}
  void set_cell(const double*) override {}
  void execute(void* stream, const pme::cuda::DeviceAtoms& atoms,
               const pme::cuda::DeviceOutput& output) override {
    solver_.execute(stream, atoms, output);
  }
  void throw_problems(void* stream) override { solver_.throw_problems(stream); }

 protected:
  Solver solver_;
};

template <class Plan>
class PlanMesh : public ClusterMesh<Plan> {
 public:
  using ClusterMesh<Plan>::ClusterMesh;
  void set_cell(const double cell[9]) override { this->solver_.set_cell(cell); }
};

}  // namespace hotpp
