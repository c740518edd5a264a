// SPDX-License-Identifier: GPL-2.0-or-later
// Edges of a step, made on a device: positions go there at every step, pairs when the neighbour list is
// built. All sums run in a fixed order: the same step gives the same bits. Without headers of torch.
#pragma once

#include <cstdint>
#include <memory>

#include "atom_rows.h"
#include "device.h"
#include "edges.h"

namespace hotpp {

class DeviceEdges {
 public:
  // cutoff of the model, Å.
  DeviceEdges(const Device&, double cutoff);
  ~DeviceEdges();

  // After every neighbour list.
  void assign(const EdgeCandidates&, const AtomRows&);
  // At every step. x [n_owned + n_ghost][3]; corner of the cell [3], from which the mesh counts. Does not
  // wait.
  void update(const double* const* x, const double* corner, const AtomRows&);

  std::int64_t size() const;  // pairs of this step within the cutoff; waits for the device
  // All pairs that the model sees, those beyond the cutoff too; waits for the device.
  void copy_to(Edges& edges) const;

  // For DeviceStep.
  struct Tensors;
  const Tensors& tensors() const { return *tensors_; }

 private:
  std::unique_ptr<Tensors> tensors_;
};

}  // namespace hotpp
