// SPDX-License-Identifier: GPL-2.0-or-later
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <cmath>

#include "ops/mesh_assignment.h"
#include "ops/mesh_sum.h"
#include "ops/mode_passes.h"
#include "ops/multipole_products.h"
#include "ops/reciprocal_sum.h"

namespace hotpp::ops {

using at::Tensor;

std::tuple<Tensor, Tensor> mesh_sum_cpu(const Tensor& u, const Tensor& coefficients, const Tensor& metric,
                                        const Tensor& structure, const Tensor& mesh,
                                        const ModeSettings& settings, bool want_spectrum) {
  const MeshBatch batch = mesh_batch(mesh, settings.order, structure);
  check_coordinates(u, structure);
  check_metric(metric, batch.n_structures());
  const int rank = static_cast<int>(check_coefficients(coefficients, u.size(0), settings.order));
  const std::vector<std::int64_t> first = spectrum_offsets(batch, coefficients.scalar_type());
  Tensor sums = at::empty({batch.n_structures()}, metric.options()), spectrum;
  if (want_spectrum) spectrum = at::empty({first.back()}, coefficients.options());
  const double* const g = metric.const_data_ptr<double>();
  AT_DISPATCH_FLOATING_TYPES(coefficients.scalar_type(), "mesh_sum", [&] {
    const scalar_t* const c = coefficients.const_data_ptr<scalar_t>();
    for (std::int64_t i = 0, columns = coefficients.size(1); i < coefficients.numel(); ++i)
      TORCH_CHECK_VALUE(std::isfinite(c[i]), i % columns == 0 ? "charges" : "dipoles",
                        " contain NaN or infinity (atom ", i / columns,
                        "): check the input structure or the model.");
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      MeshWorker<scalar_t> worker(batch, s, settings.order);
      worker.place(u.const_data_ptr<double>());
      worker.spread(rank, coefficients.const_data_ptr<scalar_t>());
      sums.mutable_data_ptr<double>()[s] =
          power_pass(worker, *mode_table<scalar_t>(settings, batch.meshes[s], g + 9 * s, 0),
                     want_spectrum ? spectrum.mutable_data_ptr<scalar_t>() + first[s] : nullptr);
    });
  });
  return {sums, spectrum};
}

std::tuple<Tensor, Tensor> mesh_sum_gradient_cpu(const Tensor& u, const Tensor& spectrum,
                                                 const Tensor& metric, const Tensor& structure,
                                                 const Tensor& mesh, const ModeSettings& settings,
                                                 std::int64_t rank, bool want_metric) {
  const MeshBatch batch = mesh_batch(mesh, settings.order, structure);
  check_rank(rank, settings.order);
  const std::vector<std::int64_t> first = spectrum_offsets(batch, spectrum.scalar_type());
  Tensor derivatives = at::empty({u.size(0), components(rank)}, spectrum.options()), metric_gradient;
  if (want_metric) metric_gradient = at::empty_like(metric);
  const double* const g = metric.const_data_ptr<double>();
  AT_DISPATCH_FLOATING_TYPES(spectrum.scalar_type(), "mesh_sum_gradient", [&] {
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      MeshWorker<scalar_t> worker(batch, s, settings.order);
      const SlabSum sum =
          gradient_pass(worker, *mode_table<scalar_t>(settings, batch.meshes[s], g + 9 * s, want_metric),
                        spectrum.const_data_ptr<scalar_t>() + first[s], true, want_metric);
      if (want_metric) write_moments(1.0, sum, metric_gradient.mutable_data_ptr<double>() + 9 * s);
      worker.place(u.const_data_ptr<double>());
      worker.gather(static_cast<int>(rank), derivatives.mutable_data_ptr<scalar_t>());
    });
  });
  return {derivatives, metric_gradient};
}

std::tuple<Tensor, Tensor, Tensor> mesh_sum_second_cpu(const Tensor& u, const Tensor& tangents,
                                                       const Tensor& spectrum, const Tensor& metric,
                                                       const Tensor& metric_tangent, const Tensor& structure,
                                                       const Tensor& mesh, const ModeSettings& settings,
                                                       std::int64_t rank, bool want_metric) {
  const MeshBatch batch = mesh_batch(mesh, settings.order, structure);
  const int tangent_rank =
      tangents.defined() ? static_cast<int>(check_coefficients(tangents, u.size(0), settings.order)) : -1;
  if (rank >= 0) check_rank(rank, settings.order);
  const std::vector<std::int64_t> first = spectrum_offsets(batch, spectrum.scalar_type());
  Tensor seed_gradient = at::empty({batch.n_structures()}, metric.options()), derivatives, metric_gradient;
  if (rank >= 0) derivatives = at::empty({u.size(0), components(rank)}, spectrum.options());
  if (want_metric) metric_gradient = at::empty_like(metric);
  const double* const g = metric.const_data_ptr<double>();
  AT_DISPATCH_FLOATING_TYPES(spectrum.scalar_type(), "mesh_sum_second", [&] {
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      MeshWorker<scalar_t> worker(batch, s, settings.order);
      worker.place(u.const_data_ptr<double>());
      if (tangents.defined()) worker.spread(tangent_rank, tangents.const_data_ptr<scalar_t>());
      const double* const gamma =
          metric_tangent.defined() ? metric_tangent.const_data_ptr<double>() + 9 * s : nullptr;
      const auto table = mode_table<scalar_t>(settings, batch.meshes[s], g + 9 * s,
                                              second_pass_derivatives(gamma, want_metric));
      const SlabSum sum = second_pass(worker, *table, spectrum.const_data_ptr<scalar_t>() + first[s],
                                      tangents.defined(), gamma, rank >= 0, want_metric);
      seed_gradient.mutable_data_ptr<double>()[s] = sum.total;
      if (want_metric) write_moments(1.0, sum, metric_gradient.mutable_data_ptr<double>() + 9 * s);
      if (rank >= 0) worker.gather(static_cast<int>(rank), derivatives.mutable_data_ptr<scalar_t>());
    });
  });
  return {seed_gradient, derivatives, metric_gradient};
}

}  // namespace hotpp::ops
