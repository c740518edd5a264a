// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operator hotpp_lr::reciprocal_cells: what the mesh needs to know of cells that are not differentiated,
// in one go. (Differentiable cells take the same steps in electrostatics/native_mesh.py.)
#include <ATen/ATen.h>
#include <torch/library.h>

#include "pme/cell.h"
#include "pme/constants.h"

namespace hotpp::ops {
namespace {

using at::Tensor;

// cell [S, 3, 3] float64, rows a, b, c; mesh [S, 3] int64. Returns volumes [S], transforms [S, 3, 3] from
// Cartesian to mesh coordinates, and metrics [S, 3, 3], b_i · b_j. ValueError for cells without volume.
std::tuple<Tensor, Tensor, Tensor> reciprocal_cells(const Tensor& cell, const Tensor& mesh) {
  TORCH_CHECK_VALUE(
      cell.dim() == 3 && cell.size(1) == 3 && cell.size(2) == 3 && cell.scalar_type() == at::kDouble,
      "cell has shape ", cell.sizes(), ", type ", cell.scalar_type(),
      ": expected float64 [n_structures, 3, 3].");
  const std::int64_t n = cell.size(0);
  TORCH_CHECK_VALUE(
      mesh.dim() == 2 && mesh.size(0) == n && mesh.size(1) == 3 && mesh.scalar_type() == at::kLong,
      "mesh has shape ", mesh.sizes(), ", type ", mesh.scalar_type(), ": expected int64 [", n, ", 3].");
  const Tensor cells = cell.contiguous(), meshes = mesh.contiguous();
  Tensor volume = at::empty({n}, cell.options()), transform = at::empty({n, 3, 3}, cell.options());
  Tensor metric = at::empty({n, 3, 3}, cell.options());
  for (std::int64_t s = 0; s < n; ++s) {
    const double* const rows = cells.const_data_ptr<double>() + 9 * s;
    double lengths = 1.0;
    for (int i = 0; i < 9; ++i)
      TORCH_CHECK_VALUE(std::isfinite(rows[i]),
                        "the cell contains NaN or infinity: check the input structure.");
    for (int i = 0; i < 3; ++i)
      lengths *= std::sqrt(rows[3 * i] * rows[3 * i] + rows[3 * i + 1] * rows[3 * i + 1] +
                           rows[3 * i + 2] * rows[3 * i + 2]);
    pme::Cell geometry;
    try {
      geometry = pme::Cell(rows);
    } catch (const std::invalid_argument&) {
      geometry.volume = 0.0;
    }
    TORCH_CHECK_VALUE(
        geometry.volume > 1e-6 * lengths, "the cell of structure ", s,
        " has no volume: give three independent lattice vectors, or use the cluster boundary for open "
        "systems.");
    volume.mutable_data_ptr<double>()[s] = geometry.volume;
    const std::int64_t* const points = meshes.const_data_ptr<std::int64_t>() + 3 * s;
    double* const t = transform.mutable_data_ptr<double>() + 9 * s;
    double* const g = metric.mutable_data_ptr<double>() + 9 * s;
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j) {
        t[3 * i + j] = geometry.inverse[3 * i + j] * static_cast<double>(points[j]);
        double product = 0.0;
        for (int a = 0; a < 3; ++a) product += geometry.inverse[3 * a + i] * geometry.inverse[3 * a + j];
        g[3 * i + j] = 4.0 * pme::pi * pme::pi * product;
      }
  }
  return {volume, transform, metric};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(hotpp_lr, m) {
  m.def("reciprocal_cells(Tensor cell, Tensor mesh) -> (Tensor, Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(hotpp_lr, CPU, m) { m.impl("reciprocal_cells", reciprocal_cells); }

}  // namespace hotpp::ops
