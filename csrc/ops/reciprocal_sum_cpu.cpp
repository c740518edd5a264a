// SPDX-License-Identifier: GPL-2.0-or-later
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <cmath>

#include "ops/mode_passes.h"
#include "ops/reciprocal_sum.h"

namespace hotpp::ops {

using at::Tensor;

void check_metric(const Tensor& metric, std::int64_t n_structures) {
  TORCH_CHECK_VALUE(metric.scalar_type() == at::kDouble && metric.dim() == 3 &&
                        metric.size(0) == n_structures && metric.size(1) == 3 && metric.size(2) == 3,
                    "metric has shape ", metric.sizes(), ", type ", metric.scalar_type(),
                    ": expected float64 [", n_structures,
                    ", 3, 3], the products of the reciprocal lattice vectors in 1/Å².");
  const double* const g = metric.const_data_ptr<double>();
  for (std::int64_t i = 0; i < metric.numel(); ++i)
    TORCH_CHECK_VALUE(std::isfinite(g[i]), "the metric of structure ", i / 9,
                      " is not finite: check the cell, it may have no volume.");
}

std::tuple<Tensor, Tensor> reciprocal_sum_cpu(const Tensor& rho, const Tensor& metric, const Tensor& mesh,
                                              const ModeSettings& settings) {
  const MeshBatch batch = mesh_batch(mesh, settings.order);
  check_metric(metric, batch.n_structures());
  TORCH_CHECK_VALUE(rho.dim() == 1 && rho.size(0) == batch.n_points(), "rho has shape ", rho.sizes(),
                    ": expected [", batch.n_points(), "], all mesh points of the batch.");
  TORCH_CHECK_VALUE(rho.scalar_type() == at::kFloat || rho.scalar_type() == at::kDouble, "rho is ",
                    rho.scalar_type(), ": expected float32 or float64.");
  const std::vector<std::int64_t> first = spectrum_offsets(batch, rho.scalar_type());
  Tensor sums = at::empty({batch.n_structures()}, metric.options());
  Tensor spectrum = at::empty({first.back()}, rho.options());
  const double* const g = metric.const_data_ptr<double>();
  AT_DISPATCH_FLOATING_TYPES(rho.scalar_type(), "reciprocal_sum", [&] {
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      MeshWorker<scalar_t> worker(batch, s, settings.order);
      worker.load(rho.const_data_ptr<scalar_t>());
      sums.mutable_data_ptr<double>()[s] =
          power_pass(worker, *mode_table<scalar_t>(settings, batch.meshes[s], g + 9 * s, 0),
                     spectrum.mutable_data_ptr<scalar_t>() + first[s]);
    });
  });
  return {sums, spectrum};
}

std::tuple<Tensor, Tensor> reciprocal_sum_gradient_cpu(const Tensor& spectrum, const Tensor& metric,
                                                       const Tensor& seed, const Tensor& mesh,
                                                       const ModeSettings& settings, bool want_rho,
                                                       bool want_metric) {
  const MeshBatch batch = mesh_batch(mesh, settings.order);
  const std::vector<std::int64_t> first = spectrum_offsets(batch, spectrum.scalar_type());
  Tensor rho_gradient, metric_gradient;
  if (want_rho) rho_gradient = at::empty({batch.n_points()}, spectrum.options());
  if (want_metric) metric_gradient = at::empty_like(metric);
  const double *const g = metric.const_data_ptr<double>(), *const e = seed.const_data_ptr<double>();
  AT_DISPATCH_FLOATING_TYPES(spectrum.scalar_type(), "reciprocal_sum_gradient", [&] {
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      MeshWorker<scalar_t> worker(batch, s, settings.order);
      const SlabSum sum =
          gradient_pass(worker, *mode_table<scalar_t>(settings, batch.meshes[s], g + 9 * s, want_metric),
                        spectrum.const_data_ptr<scalar_t>() + first[s], want_rho, want_metric);
      if (want_rho) worker.store(e[s], rho_gradient.mutable_data_ptr<scalar_t>());
      if (want_metric) write_moments(e[s], sum, metric_gradient.mutable_data_ptr<double>() + 9 * s);
    });
  });
  return {rho_gradient, metric_gradient};
}

std::tuple<Tensor, Tensor, Tensor> reciprocal_sum_second_cpu(const Tensor& spectrum, const Tensor& metric,
                                                             const Tensor& seed, const Tensor& rho_tangent,
                                                             const Tensor& metric_tangent, const Tensor& mesh,
                                                             const ModeSettings& settings, bool want_rho,
                                                             bool want_metric) {
  const MeshBatch batch = mesh_batch(mesh, settings.order);
  const std::vector<std::int64_t> first = spectrum_offsets(batch, spectrum.scalar_type());
  Tensor seed_gradient = at::empty_like(seed), rho_gradient, metric_gradient;
  if (want_rho) rho_gradient = at::empty({batch.n_points()}, spectrum.options());
  if (want_metric) metric_gradient = at::empty_like(metric);
  const double *const g = metric.const_data_ptr<double>(), *const e = seed.const_data_ptr<double>();
  AT_DISPATCH_FLOATING_TYPES(spectrum.scalar_type(), "reciprocal_sum_second", [&] {
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      MeshWorker<scalar_t> worker(batch, s, settings.order);
      const double* const gamma =
          metric_tangent.defined() ? metric_tangent.const_data_ptr<double>() + 9 * s : nullptr;
      const auto table = mode_table<scalar_t>(settings, batch.meshes[s], g + 9 * s,
                                              second_pass_derivatives(gamma, want_metric));
      if (rho_tangent.defined()) worker.load(rho_tangent.const_data_ptr<scalar_t>());
      const SlabSum sum = second_pass(worker, *table, spectrum.const_data_ptr<scalar_t>() + first[s],
                                      rho_tangent.defined(), gamma, want_rho, want_metric);
      if (want_rho) worker.store(e[s], rho_gradient.mutable_data_ptr<scalar_t>());
      if (want_metric) write_moments(e[s], sum, metric_gradient.mutable_data_ptr<double>() + 9 * s);
      seed_gradient.mutable_data_ptr<double>()[s] = sum.total;
    });
  });
  return {seed_gradient, rho_gradient, metric_gradient};
}

}  // namespace hotpp::ops
