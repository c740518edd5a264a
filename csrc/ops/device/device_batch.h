// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the kernels of a device need to know of a batch, in its memory.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <vector>

#include "ops/mode_table.h"
#include "pme/cuda/batch.h"

namespace hotpp::ops {

// The meshes of a batch.
struct DeviceMeshes {
  std::vector<std::array<int, 3>> points;  // [S]
  at::Tensor memory;                       // [S] BatchMesh
  std::int64_t n_points, n_modes, n_bins;  // of all
  int most_points, most_modes, most_bins;  // of one
  int order;

  // Structures begin .. end - 1 with equal meshes, which one call can transform.
  struct Run {
    std::int64_t begin, end, first_point, first_mode;
  };
  std::vector<Run> runs;

  pme::cuda::Batch batch() const;
};

// mesh [S, 3] int64 on the CPU (ValueError as mesh_batch).
std::shared_ptr<const DeviceMeshes> device_meshes(const at::Tensor& mesh, std::int64_t order,
                                                  const at::Device& device);

// Deconvolution factors of all axes of all meshes, [sum of K1 + K2 + K3] float64.
at::Tensor deconvolution_on_device(const at::Tensor& mesh, const ModeSettings& settings,
                                   const at::Device& device);

// The atoms of a batch, grouped by structure.
struct DeviceAtoms {
  at::Tensor memory;  // [S] BatchAtoms
  at::Tensor order;   // [N] int64: atom at each place of the groups; undefined: they are in order
  int most_atoms;     // of one structure

  // Rows in the order of the groups, and back.
  at::Tensor grouped(const at::Tensor& rows) const;
  at::Tensor in_batch(const at::Tensor& grouped_rows) const;
  pme::cuda::Batch batch(const DeviceMeshes&) const;
};

// structure [N] int64 on the device, each 0 .. S - 1 (ValueError). Waits for the device once per batch, to
// learn how many atoms each structure has; with one structure not at all, and it is not looked at.
std::shared_ptr<const DeviceAtoms> device_atoms(const at::Tensor& structure, std::int64_t n_structures);

}  // namespace hotpp::ops
