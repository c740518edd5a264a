// SPDX-License-Identifier: GPL-2.0-or-later
//
// Spread and gather for a batch of structures, without autograd. Mesh units; pme/multipoles.h says what the
// components are, mesh_batch.h where the meshes lie.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cstdint>

namespace hotpp::ops {

// u [N, 3] float64 mesh coordinates, anywhere; coefficients [N, components(rank)] float32 or float64;
// structure [N] int64; mesh [S, 3] int64. Returns the flat buffer of all meshes, of the type of coefficients.
at::Tensor mesh_spread_cpu(const at::Tensor& u, const at::Tensor& coefficients, const at::Tensor& structure,
                           const at::Tensor& mesh, std::int64_t order);

// values: flat buffer. Returns [N, components(rank)], of the type of values.
at::Tensor mesh_gather_cpu(const at::Tensor& u, const at::Tensor& values, const at::Tensor& structure,
                           const at::Tensor& mesh, std::int64_t order, std::int64_t rank);

// Ranks 0 to 3 with continuous weights of this order, else ValueError.
void check_rank(std::int64_t rank, std::int64_t order);
// Rank of coefficients [n, 1 | 4 | 10 | 20] that this order can spread, else ValueError.
std::int64_t check_coefficients(const at::Tensor& coefficients, std::int64_t n, std::int64_t order);
// u [N, 3] float64, else ValueError.
inline void check_coordinate_shape(const at::Tensor& u, const at::Tensor& structure) {
  TORCH_CHECK_VALUE(
      u.scalar_type() == at::kDouble && u.dim() == 2 && u.size(0) == structure.size(0) && u.size(1) == 3,
      "mesh coordinates have shape ", u.sizes(), ", type ", u.scalar_type(), ": expected float64 [",
      structure.size(0), ", 3].");
}
// The same, and finite.
void check_coordinates(const at::Tensor& u, const at::Tensor& structure);

}  // namespace hotpp::ops
