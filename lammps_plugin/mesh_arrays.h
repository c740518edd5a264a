// SPDX-License-Identifier: GPL-2.0-or-later
// What the mesh of a device reads and writes: float64, in the same memory at every step.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "device/device_mesh.h"

namespace hotpp {

struct MeshArrays {
  MeshArrays() = default;
  MeshArrays(std::int64_t n, bool has_dipoles, at::Device);

  // positions [n, 3] Å from the corner of the cell, raw charges [n] e, dipoles [n, 3] e·Å or undefined.
  // total_charge: of the model, to which the charges are shifted.
  void set(const at::Tensor& positions, const at::Tensor& raw_charges, const at::Tensor& dipoles,
           double total_charge);
  // Starts the mesh on the current stream.
  void execute(DeviceMesh&);

  at::Tensor positions, charges, dipoles;                                // dipoles may be undefined
  at::Tensor potential, field, forces;                                   // [n], [n, 3], [n, 3]
  at::Tensor energy, strain;                                             // [1], [9]
  at::Tensor by_charge() const { return potential - potential.mean(); }  // of the charges before the shift
  at::Tensor by_dipole() const { return -field; }
};

}  // namespace hotpp
