// SPDX-License-Identifier: GPL-2.0-or-later
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <algorithm>
#include <cmath>

#include "ops/mesh_assignment.h"
#include "ops/mesh_batch.h"
#include "ops/mesh_scratch.h"
#include "ops/multipole_products.h"
#include "pme/cpu/gather.h"
#include "pme/cpu/spread.h"

namespace hotpp::ops {
namespace {

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
  TORCH_CHECK_VALUE(u.scalar_type() == at::kDouble && u.dim() == 2 && u.size(0) == structure.size(0) && u.size(1) == 3,
                    "mesh coordinates have shape ", u.sizes(), ", type ", u.scalar_type(), ": expected float64 [",
                    structure.size(0), ", 3].");
  const double* const p = u.const_data_ptr<double>();
  for (std::int64_t i = 0; i < u.numel(); ++i)
    TORCH_CHECK_VALUE(std::isfinite(p[i]), "positions contain NaN or infinity (atom ", i / 3,
                      "), or its cell has no volume: check the input structure or the model.");
}

template <class Real>
pme::SortedAtoms<Real> sorted_atoms(const MeshBatch& batch, std::int64_t s, std::int64_t order, const double* u) {
  const std::int64_t begin = batch.first_atom[s], n = batch.n_atoms(s);
  std::vector<double> mine(3 * n);
  for (std::int64_t i = 0; i < n; ++i) std::copy_n(u + 3 * batch.atoms[begin + i], 3, mine.data() + 3 * i);
  pme::SortedAtoms<Real> atoms(batch.meshes[s], static_cast<int>(order));
  atoms.assign(n, mine.data());
  return atoms;
}

// [K1, K2, K3] -> rows with halo.
template <class Real>
void load(const pme::Grid<Real>& grid, const Real* from, Real* mesh) {
  const auto [k1, k2, k3] = grid.points;
#pragma omp parallel for schedule(static)
  for (int x = 0; x < k1; ++x) {
    for (int y = 0; y < k2; ++y)
      std::copy_n(from + (static_cast<std::int64_t>(x) * k2 + y) * k3, k3, mesh + x * grid.plane + y * grid.row);
    pme::fill_halo(grid, x, mesh);
  }
}

// Back, without the halo.
template <class Real>
void store(const pme::Grid<Real>& grid, const Real* mesh, Real* to) {
  const auto [k1, k2, k3] = grid.points;
  const std::int64_t rows = static_cast<std::int64_t>(k1) * k2;
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < rows; ++row) std::copy_n(mesh + row * grid.row, k3, to + row * k3);
}

}  // namespace

Tensor mesh_spread_cpu(const Tensor& u, const Tensor& coefficients, const Tensor& structure, const Tensor& mesh,
                       std::int64_t order) {
  const MeshBatch batch = mesh_batch(mesh, order, structure);
  check_coordinates(u, structure);
  const std::int64_t rank = rank_of_columns(coefficients, "coefficients"), columns = coefficients.size(1);
  check_rank(rank, order);
  TORCH_CHECK_VALUE(coefficients.size(0) == u.size(0), "coefficients have ", coefficients.size(0),
                    " rows: expected one per atom, ", u.size(0), ".");
  Tensor buffer = at::empty({batch.n_points()}, coefficients.options());
  AT_DISPATCH_FLOATING_TYPES(coefficients.scalar_type(), "mesh_spread", [&] {
    const scalar_t* const given = coefficients.const_data_ptr<scalar_t>();
    scalar_t* const all = buffer.mutable_data_ptr<scalar_t>();
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      const pme::Grid<scalar_t> grid(batch.meshes[s], static_cast<int>(order));
      const auto atoms = sorted_atoms<scalar_t>(batch, s, order, u.const_data_ptr<double>());
      std::vector<scalar_t> sorted(atoms.size() * columns);
      const std::int64_t* const original = batch.atoms.data() + batch.first_atom[s];
      for (std::int64_t i = 0; i < atoms.size(); ++i)
        std::copy_n(given + original[atoms.original(i)] * columns, columns, sorted.data() + i * columns);
      scalar_t* const work = scratch<scalar_t>(grid.size());
      pme::spread(grid, atoms, static_cast<int>(rank), sorted.data(), work);
      store(grid, work, all + batch.first_point[s]);
    });
  });
  return buffer;
}

Tensor mesh_gather_cpu(const Tensor& u, const Tensor& values, const Tensor& structure, const Tensor& mesh,
                       std::int64_t order, std::int64_t rank) {
  const MeshBatch batch = mesh_batch(mesh, order, structure);
  check_coordinates(u, structure);
  check_rank(rank, order);
  TORCH_CHECK_VALUE(values.dim() == 1 && values.size(0) == batch.n_points(), "values have shape ", values.sizes(),
                    ": expected [", batch.n_points(), "], all mesh points of the batch.");
  const std::int64_t columns = components(rank);
  Tensor derivatives = at::empty({u.size(0), columns}, values.options());
  AT_DISPATCH_FLOATING_TYPES(values.scalar_type(), "mesh_gather", [&] {
    const scalar_t* const all = values.const_data_ptr<scalar_t>();
    scalar_t* const to = derivatives.mutable_data_ptr<scalar_t>();
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      const pme::Grid<scalar_t> grid(batch.meshes[s], static_cast<int>(order));
      const auto atoms = sorted_atoms<scalar_t>(batch, s, order, u.const_data_ptr<double>());
      scalar_t* const work = scratch<scalar_t>(grid.size());
      load(grid, all + batch.first_point[s], work);
      std::vector<scalar_t> sorted(atoms.size() * columns);
      pme::gather(grid, atoms, work, static_cast<int>(rank), sorted.data());
      const std::int64_t* const original = batch.atoms.data() + batch.first_atom[s];
      for (std::int64_t i = 0; i < atoms.size(); ++i)
        std::copy_n(sorted.data() + i * columns, columns, to + original[atoms.original(i)] * columns);
    });
  });
  return derivatives;
}

}  // namespace hotpp::ops
