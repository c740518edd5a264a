// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the forward pass of atom_update leaves to the backward pass, per atom and channel.
#pragma once

#include "ops/atom_update_weights.h"

namespace hotpp::ops {

// Number of the first plane of each quantity, components one after the other; -1: there is none. On the CPU a
// plane is [kBlockAtoms, padded C] of a block, on a device planes are [n, count, C].
struct UpdatePlanes {
  int scalars, vectors, tensors;  // the mixed messages m: 1, 3, 6 planes
  int silu_slope;                 // of the new scalars
  int vector_gate, tensor_gate;
  int energy_slope, charge_slope;  // of the read-outs by the perceptrons' hidden values
  // Dipoles: SiLU slope of the hidden values; gate; the new vectors (3), which are no result of the last
  // layer.
  int dipole_slope, dipole_gate, new_vectors;
  int count;
};

inline UpdatePlanes update_planes(const UpdateKind& kind) {
  int count = 0;
  const auto take = [&](bool there, int planes) {
    if (!there) return -1;
    const int first = count;
    count += planes;
    return first;
  };
  UpdatePlanes p;
  p.scalars = take(true, 1);
  p.vectors = take(kind.rank >= 1, 3);
  p.tensors = take(kind.rank >= 2, 6);
  p.silu_slope = take(true, 1);
  p.vector_gate = take(kind.has_vectors(), 1);
  p.tensor_gate = take(kind.has_tensors(), 1);
  p.energy_slope = take(true, 1);
  p.charge_slope = take(kind.charges, 1);
  p.dipole_slope = take(kind.dipoles, 1);
  p.dipole_gate = take(kind.dipoles, 1);
  p.new_vectors = take(kind.dipoles, 3);
  p.count = count;
  return p;
}

}  // namespace hotpp::ops
