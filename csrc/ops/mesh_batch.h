// SPDX-License-Identifier: GPL-2.0-or-later
//
// A batch of structures, each with a mesh of its own, in one flat buffer.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace hotpp::ops {

// The meshes lie one behind the other in the order of the structures, each [K1, K2, K3] in C order.
struct MeshBatch {
  std::vector<std::array<int, 3>> meshes;  // [S]
  std::vector<std::int64_t> first_point;   // [S + 1] where the mesh of each structure begins
  std::vector<std::int64_t> first_atom;    // [S + 1] where its atoms begin in `atoms`
  std::vector<std::int64_t> atoms;         // [N] atoms grouped by structure, otherwise in their order

  std::int64_t n_structures() const { return static_cast<std::int64_t>(meshes.size()); }
  std::int64_t n_points() const { return first_point.back(); }
  std::int64_t n_atoms(std::int64_t s) const { return first_atom[s + 1] - first_atom[s]; }
};

// mesh [S, 3] int64 on the CPU, every axis with at least `order` points (ValueError). Without atoms.
MeshBatch mesh_batch(const at::Tensor& mesh, std::int64_t order);

// structure [N] int64 on the CPU, each 0 .. S-1, in any order (ValueError).
MeshBatch mesh_batch(const at::Tensor& mesh, std::int64_t order, const at::Tensor& structure);

// Calls f(s) for every structure: many structures are shared out among torch's threads; few come one after
// the other, so that the loops inside f can use the threads. No result may depend on which.
template <class F>
void for_each_structure(std::int64_t n_structures, const F& f) {
  if (n_structures >= at::get_num_threads()) {
    at::parallel_for(0, n_structures, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t s = begin; s < end; ++s) f(s);
    });
  } else {
    for (std::int64_t s = 0; s < n_structures; ++s) f(s);
  }
}

}  // namespace hotpp::ops
