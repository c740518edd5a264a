// SPDX-License-Identifier: GPL-2.0-or-later
// What DeviceEdges keeps on the device.
//
// Shapes and memory last as long as there is room for the pairs and atoms of the next neighbour list, and no
// shape depends on where the atoms are: what a device has recorded stays right from list to list. Hence the
// model sees all pairs of the neighbour list, of which those beyond the cutoff contribute nothing, and the
// room that is left is filled with pairs that stand for nothing: from every row some to itself, longer than
// the cutoff.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "device_edges.h"
#include "device_tensors.h"

namespace hotpp {

struct DeviceEdges::Tensors {
  // Places in `positions`: atom i of LAMMPS has place first_atom + i; pairs that stand for nothing lead from
  // `corner` to `far_away`.
  enum Place : std::int64_t { corner, far_away, first_atom };

  // Integers of a neighbour list, parts of one array.
  struct Lists {
    Lists() = default;
    Lists(const at::Tensor& all, std::int64_t n_pairs, std::int64_t n_rows, std::int64_t n_places);
    static std::int64_t size(std::int64_t n_pairs, std::int64_t n_rows, std::int64_t n_places) {
      return 5 * n_pairs + 2 * n_rows + n_places;
    }
    at::Tensor receivers, senders;                // [n_pairs] rows of the model, ascending in the receiver
    at::Tensor receiver_places, sender_places;    // [n_pairs]
    at::Tensor pairs_by_sender, pairs_of_sender;  // [n_pairs] ascending in the place, [n_places] how many
    at::Tensor pairs_of_receiver;                 // [n_rows] how many
    at::Tensor places;                            // [n_rows] of the owned atoms
  };

  at::Device device{at::kCPU};
  double cutoff = 0;
  // Counts how often shapes or memory have changed.
  std::int64_t generation = 0;

  // Of the neighbour list.
  Lists lists;
  std::int64_t n_pairs = 0, n_rows = 0, n_places = 0;  // with the room that is left
  std::int64_t n_atoms = 0;                            // of LAMMPS
  at::Tensor all_lists;
  at::Tensor species;  // [n_total rows]
  std::vector<std::int64_t> species_there;
  HostBuffer list_staging;
  std::vector<at::Tensor> groups;  // of the kernels on the device, as its operators keep them

  // Of this step.
  at::Tensor positions;  // [n_places, 3] Å
  HostBuffer staging;

  void assign(const EdgeCandidates&, const AtomRows&);
  void update(const double* const* x, const double* corner, const AtomRows&);

  // From receiver to sender, [n_pairs, 3] Å.
  at::Tensor vectors() const;
  // Of the owned rows, from the corner of the cell: [n_rows, 3] Å
  at::Tensor row_positions() const;
  // gradients [n_pairs, 3] = ∂E/∂vectors: forces on all places [n_places, 3] eV/Å
  at::Tensor forces(const at::Tensor& gradients) const;

 private:
  void make_room(std::int64_t n_candidates, const AtomRows&);
  void group_pairs(const AtomRows&);
};

}  // namespace hotpp
