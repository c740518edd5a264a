// SPDX-License-Identifier: GPL-2.0-or-later
// A step of one model on a device: network, mesh where the device has one, and forces; what LAMMPS wants to
// know comes back in one copy. Without headers of torch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "atom_rows.h"
#include "device_edges.h"
#include "long_range.h"
#include "model.h"
#include "profile.h"

namespace hotpp {

class DeviceStep {
 public:
  explicit DeviceStep(const Device&);
  ~DeviceStep();

  // Collective, as Member::evaluate. Leaves the atoms' energies, charges and dipoles in `model`, and those of
  // the mesh in `long_range` (null: no charges).
  void evaluate(Model& model, LongRange* long_range, const DeviceEdges&, const AtomRows&,
                std::int64_t exchange, const std::vector<double>& positions, Profile&);

  // Of the last evaluation, without the mesh.
  std::vector<double> forces;                  // [n_atoms of LAMMPS, 3] eV/Å, ghosts included
  double strain_derivative[9] = {};            // eV
  std::vector<double> edge_gradients() const;  // [n_edges, 3] eV/Å; waits for the device

  // What the log should tell about recordings of the step, once; "" most of the time.
  std::string take_note();

 private:
  void run(Model&, LongRange*, const DeviceEdges&, const AtomRows&, std::int64_t exchange,
           const std::vector<double>& positions, Profile&);

  struct Tensors;
  std::unique_ptr<Tensors> tensors_;
};

}  // namespace hotpp
