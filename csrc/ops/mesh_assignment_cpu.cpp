// SPDX-License-Identifier: GPL-2.0-or-later
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <cmath>

#include "ops/mesh_assignment.h"
#include "ops/mesh_worker.h"
#include "ops/multipole_products.h"

namespace hotpp::ops {

using at::Tensor;

void check_rank(std::int64_t rank, std::int64_t order) {
  TORCH_CHECK_VALUE(rank >= 0 && rank <= pme::max_rank, "a mesh operator of rank ", rank,
                    " was asked for, the highest is ", pme::max_rank,
                    ": differentiate fewer times, or use the reference (hotpp_lr.electrostatics.mesh).");
  TORCH_CHECK_VALUE(order >= pme::lowest_order(static_cast<int>(rank)), "derivative ", rank,
                    " of the weights of order ", order, " is not continuous: use order >= ", rank + 2,
                    " (with dipoles, forces need order >= 4 and training on forces order >= 5).");
}

void check_coordinates(const Tensor& u, const Tensor& structure) {
  check_coordinate_shape(u, structure);
  const double* const p = u.const_data_ptr<double>();
  for (std::int64_t i = 0; i < u.numel(); ++i)
    TORCH_CHECK_VALUE(std::isfinite(p[i]), "positions contain NaN or infinity (atom ", i / 3,
                      "), or its cell has no volume: check the input structure or the model.");
  constexpr double farthest = 1e9;  // beyond, less than 7 digits of the position within the mesh are left
  for (std::int64_t i = 0; i < u.numel(); ++i)
    TORCH_CHECK_VALUE(std::abs(p[i]) <= farthest, "atom ", i / 3,
                      " is too far from the cell (mesh coordinate ", p[i],
                      "): wrap the positions into the cell.");
}

std::int64_t check_coefficients(const Tensor& coefficients, std::int64_t n, std::int64_t order) {
  const std::int64_t rank = rank_of_columns(coefficients, "coefficients");
  check_rank(rank, order);
  TORCH_CHECK_VALUE(coefficients.size(0) == n, "coefficients have ", coefficients.size(0),
                    " rows: expected one per atom, ", n, ".");
  TORCH_CHECK_VALUE(coefficients.scalar_type() == at::kFloat || coefficients.scalar_type() == at::kDouble,
                    "coefficients are ", coefficients.scalar_type(), ": expected float32 or float64.");
  return rank;
}

Tensor mesh_spread_cpu(const Tensor& u, const Tensor& coefficients, const Tensor& structure,
                       const Tensor& mesh, std::int64_t order) {
  const MeshBatch batch = mesh_batch(mesh, order, structure);
  check_coordinates(u, structure);
  const std::int64_t rank = check_coefficients(coefficients, u.size(0), order);
  Tensor buffer = at::empty({batch.n_points()}, coefficients.options());
  AT_DISPATCH_FLOATING_TYPES(coefficients.scalar_type(), "mesh_spread", [&] {
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      MeshWorker<scalar_t> worker(batch, s, order);
      worker.place(u.const_data_ptr<double>());
      worker.spread(static_cast<int>(rank), coefficients.const_data_ptr<scalar_t>());
      worker.store(1.0, buffer.mutable_data_ptr<scalar_t>());
    });
  });
  return buffer;
}

Tensor mesh_gather_cpu(const Tensor& u, const Tensor& values, const Tensor& structure, const Tensor& mesh,
                       std::int64_t order, std::int64_t rank) {
  const MeshBatch batch = mesh_batch(mesh, order, structure);
  check_coordinates(u, structure);
  check_rank(rank, order);
  TORCH_CHECK_VALUE(values.dim() == 1 && values.size(0) == batch.n_points(), "values have shape ",
                    values.sizes(), ": expected [", batch.n_points(), "], all mesh points of the batch.");
  Tensor derivatives = at::empty({u.size(0), components(rank)}, values.options());
  AT_DISPATCH_FLOATING_TYPES(values.scalar_type(), "mesh_gather", [&] {
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      MeshWorker<scalar_t> worker(batch, s, order);
      worker.place(u.const_data_ptr<double>());
      worker.load(values.const_data_ptr<scalar_t>());
      worker.gather(static_cast<int>(rank), derivatives.mutable_data_ptr<scalar_t>());
    });
  });
  return derivatives;
}

}  // namespace hotpp::ops
