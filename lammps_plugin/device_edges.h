// SPDX-License-Identifier: GPL-2.0-or-later
// Edges of a step, made on a device: positions go there at every step, pairs when the neighbour list is
// built. All sums run in a fixed order: the same step gives the same bits. Without headers of torch.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "atom_rows.h"
#include "device.h"
#include "edges.h"

namespace hotpp {

class DeviceEdges {
 public:
  explicit DeviceEdges(const Device&);
  ~DeviceEdges();

  // After every neighbour list.
  void assign(const EdgeCandidates&, const AtomRows&);
  // At every step. x [n_owned + n_ghost][3]; corner of the cell [3], from which the mesh counts.
  void update(const double* const* x, const double* corner, double cutoff, const AtomRows&);

  std::int64_t size() const;         // edges of this step
  void copy_to(Edges& edges) const;  // waits for the device

  // For DeviceStep.
  struct Tensors;
  const Tensors& tensors() const { return *tensors_; }

 private:
  std::unique_ptr<Tensors> tensors_;
};

}  // namespace hotpp
