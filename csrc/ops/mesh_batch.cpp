// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/mesh_batch.h"

#include <ATen/ATen.h>

#include "pme/splines.h"

namespace hotpp::ops {

MeshBatch mesh_batch(const at::Tensor& mesh, std::int64_t order) {
  TORCH_CHECK_VALUE(order >= pme::min_order && order <= pme::max_order, "assignment order is ", order,
                    ": choose an integer from ", pme::min_order, " to ", pme::max_order, ".");
  TORCH_CHECK_VALUE(
      mesh.dim() == 2 && mesh.size(1) == 3 && mesh.scalar_type() == at::kLong && mesh.device().is_cpu(),
      "mesh has shape ", mesh.sizes(), ", type ", mesh.scalar_type(), ", device ", mesh.device(),
      ": expected int64 [n_structures, 3] on the CPU.");
  const at::Tensor points = mesh.contiguous();
  const std::int64_t* const p = points.const_data_ptr<std::int64_t>();
  MeshBatch batch;
  batch.meshes.reserve(mesh.size(0));
  batch.first_point.assign(1, 0);
  for (std::int64_t s = 0; s < mesh.size(0); ++s) {
    for (int d = 0; d < 3; ++d)
      TORCH_CHECK_VALUE(p[3 * s + d] >= order && p[3 * s + d] < 32768, "the mesh of structure ", s, " has ",
                        p[3 * s + d], " points along an axis, the assignment order is ", order,
                        ": give at least as many points as the order and fewer than 32768.");
    batch.meshes.push_back(
        {static_cast<int>(p[3 * s]), static_cast<int>(p[3 * s + 1]), static_cast<int>(p[3 * s + 2])});
    batch.first_point.push_back(batch.first_point.back() + p[3 * s] * p[3 * s + 1] * p[3 * s + 2]);
  }
  return batch;
}

MeshBatch mesh_batch(const at::Tensor& mesh, std::int64_t order, const at::Tensor& structure) {
  MeshBatch batch = mesh_batch(mesh, order);
  TORCH_CHECK_VALUE(
      structure.dim() == 1 && structure.scalar_type() == at::kLong && structure.device().is_cpu(),
      "structure has shape ", structure.sizes(), ", type ", structure.scalar_type(), ", device ",
      structure.device(), ": expected int64 [n_atoms] on the CPU.");
  const at::Tensor owners = structure.contiguous();
  const std::int64_t* const owner = owners.const_data_ptr<std::int64_t>();
  const std::int64_t n = structure.size(0), n_structures = batch.n_structures();
  batch.first_atom.assign(n_structures + 1, 0);
  for (std::int64_t i = 0; i < n; ++i) {
    TORCH_CHECK_VALUE(owner[i] >= 0 && owner[i] < n_structures, "atom ", i, " belongs to structure ",
                      owner[i], ", but there are ", n_structures, ": number the structures from 0.");
    ++batch.first_atom[owner[i] + 1];
  }
  for (std::int64_t s = 0; s < n_structures; ++s) batch.first_atom[s + 1] += batch.first_atom[s];
  std::vector<std::int64_t> next(batch.first_atom.begin(), batch.first_atom.end() - 1);
  batch.atoms.resize(n);
  for (std::int64_t i = 0; i < n; ++i) batch.atoms[next[owner[i]]++] = i;
  return batch;
}

}  // namespace hotpp::ops
