// SPDX-License-Identifier: GPL-2.0-or-later
// What DeviceEdges keeps on the device.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "device_edges.h"
#include "device_tensors.h"

namespace hotpp {

struct DeviceEdges::Tensors {
  at::Device device{at::kCPU};
  // Since the last neighbour list. Candidates: its pairs, ascending in the receiver.
  at::Tensor receivers, senders;           // [n_candidates] rows of the model
  at::Tensor receiver_atoms;               // [n_candidates] atoms of LAMMPS
  at::Tensor sender_atoms;                 // [n_candidates]
  at::Tensor counts;                       // [n_owned rows] candidates of each receiver
  at::Tensor by_sender, counts_by_sender;  // [n_candidates] candidates ascending in the sender, [n_atoms]
  at::Tensor atoms;                        // [n_owned rows] atom of each row
  at::Tensor species;                      // [n_total rows]
  std::vector<std::int64_t> species_there;
  std::int64_t n_atoms = 0;

  // Of this step.
  at::Tensor positions;                     // [n_owned rows, 3] Å from the corner of the cell
  at::Tensor kept;                          // [n_edges] candidates that are closer than the cutoff
  at::Tensor vectors;                       // [n_edges, 3] Å
  at::Tensor edge_receivers, edge_senders;  // [n_edges] rows
  HostBuffer staging;

  void update(const double* const* x, const double* corner, double cutoff, const AtomRows&);
  // gradients [n_edges, 3] = ∂E/∂vectors: forces on the atoms [n_atoms, 3] eV/Å
  at::Tensor forces(const at::Tensor& gradients) const;
  // Σ ∂E/∂v_a v_b, [3, 3] eV
  at::Tensor strain(const at::Tensor& gradients) const;
};

}  // namespace hotpp
