// SPDX-License-Identifier: GPL-2.0-or-later
// A plan of pme/cuda as a DeviceMesh.
#pragma once

#include "device/device_mesh.h"

namespace hotpp {

template <class Plan>
class PlanMesh : public DeviceMesh {
 public:
  explicit PlanMesh(const pme::Settings& settings) : plan_(settings) {}
  void set_cell(const double cell[9]) override { plan_.set_cell(cell); }
  void execute(void* stream, const pme::cuda::DeviceAtoms& atoms,
               const pme::cuda::DeviceOutput& output) override {
    plan_.execute(stream, atoms, output);
  }
  void throw_problems(void* stream) override { plan_.throw_problems(stream); }

 private:
  Plan plan_;
};

}  // namespace hotpp
