// SPDX-License-Identifier: GPL-2.0-or-later
//
// The mesh operators of training on a device. Real and complex transforms are torch's own, with its plans and
// memory; everything between them is in pme/cuda. Nothing waits for the device but device_atoms, once per
// batch.
//
// Other than on the CPU, values are not looked at: what is not finite makes the results of its structure NaN.
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include "ops/device/backend.h"
#include "ops/device/device_batch.h"
#include "ops/device/operators.h"
#include "ops/mesh_assignment.h"
#include "ops/multipole_products.h"

namespace hotpp::ops {
namespace {

using at::Tensor;
using pme::cuda::ModePass;
using Text = std::string_view;

// In forward and backward alike: [S] structures of one batch with their sums over modes.
struct Sums {
  std::shared_ptr<const DeviceMeshes> meshes;
  ModeSettings settings;
  Tensor factors;

  Sums(const Tensor& mesh, std::int64_t order, Text deconvolution, Text kernel, double smearing,
       const at::Device& device)
      : meshes(device_meshes(mesh, order, device)),
        settings(mode_settings(order, deconvolution, kernel, smearing)),
        factors(deconvolution_on_device(mesh, settings, device)) {}
};

void check_metric_shape(const Tensor& metric, std::size_t n_structures) {
  TORCH_CHECK_VALUE(metric.scalar_type() == at::kDouble && metric.dim() == 3 &&
                        metric.size(0) == static_cast<std::int64_t>(n_structures) && metric.size(1) == 3 &&
                        metric.size(2) == 3,
                    "metric has shape ", metric.sizes(), ", type ", metric.scalar_type(),
                    ": expected float64 [", n_structures,
                    ", 3, 3], the products of the reciprocal lattice vectors in 1/Å².");
}

void check_flat(const Tensor& values, std::int64_t n_points, const char* name) {
  TORCH_CHECK_VALUE(values.dim() == 1 && values.size(0) == n_points, name, " have shape ", values.sizes(),
                    ": expected [", n_points, "], all mesh points of the batch.");
  TORCH_CHECK_VALUE(values.scalar_type() == at::kFloat || values.scalar_type() == at::kDouble, name, " are ",
                    values.scalar_type(), ": expected float32 or float64.");
}

// One place of memory for what the kernels of spread and gather need.
template <class Real>
struct Workspace {
  Tensor sites, states;
  pme::cuda::MultipoleArrays<Real> arrays;

  Workspace(const Tensor& u, std::int64_t n_structures, std::int64_t rank) {
    const auto bytes = u.options().dtype(at::kByte);
    sites = at::empty({u.size(0) * static_cast<std::int64_t>(sizeof(pme::cuda::Site<Real>))}, bytes);
    states = at::zeros({n_structures * static_cast<std::int64_t>(sizeof(pme::cuda::State))}, bytes);
    arrays = {u.const_data_ptr<double>(), static_cast<int>(rank),
              static_cast<pme::cuda::Site<Real>*>(sites.mutable_data_ptr()),
              static_cast<pme::cuda::State*>(states.mutable_data_ptr())};
  }
};

Tensor spread(const Tensor& u, const Tensor& coefficients, const Tensor& structure, const Tensor& mesh,
              std::int64_t order) {
  const OnDevice device(u);
  const auto meshes = device_meshes(mesh, order, u.device());
  check_coordinate_shape(u, structure);
  const std::int64_t rank = check_coefficients(coefficients, u.size(0), order);
  const auto atoms = device_atoms(structure, mesh.size(0));
  const Tensor places = atoms->grouped(u), given = atoms->grouped(coefficients);
  const Tensor buffer = at::zeros({meshes->n_points}, coefficients.options());
  const Tensor bins = at::zeros({meshes->n_bins}, u.options().dtype(at::kInt));
  AT_DISPATCH_FLOATING_TYPES(coefficients.scalar_type(), "mesh_spread", [&] {
    const Workspace<scalar_t> workspace(places, mesh.size(0), rank);
    device.mesh<scalar_t>()->spread(atoms->batch(*meshes), workspace.arrays, given.const_data_ptr<scalar_t>(),
                                    bins.mutable_data_ptr<int>(), buffer.mutable_data_ptr<scalar_t>());
  });
  return buffer;
}

Tensor gather(const Tensor& u, const Tensor& values, const Tensor& structure, const Tensor& mesh,
              std::int64_t order, std::int64_t rank) {
  const OnDevice device(u);
  check_coordinate_shape(u, structure);
  check_rank(rank, order);
  const auto meshes = device_meshes(mesh, order, u.device());
  check_flat(values, meshes->n_points, "values");
  const auto atoms = device_atoms(structure, mesh.size(0));
  const Tensor places = atoms->grouped(u), from = values.contiguous();
  const Tensor derivatives = at::empty({u.size(0), components(rank)}, values.options());
  AT_DISPATCH_FLOATING_TYPES(values.scalar_type(), "mesh_gather", [&] {
    const Workspace<scalar_t> workspace(places, mesh.size(0), rank);
    device.mesh<scalar_t>()->gather(atoms->batch(*meshes), workspace.arrays, from.const_data_ptr<scalar_t>(),
                                    derivatives.mutable_data_ptr<scalar_t>());
  });
  return atoms->in_batch(derivatives);
}

// Flat buffer of meshes -> flat buffer of half spectra, not normalised.
Tensor transform(const DeviceMeshes& meshes, const Tensor& rho) {
  std::vector<Tensor> parts;
  for (const auto& run : meshes.runs) {
    const auto& k = meshes.points[run.begin];
    const std::int64_t n = run.end - run.begin, points = std::int64_t{k[0]} * k[1] * k[2];
    const Tensor block = rho.narrow(0, run.first_point, n * points).view({n, k[0], k[1], k[2]});
    parts.push_back(at::_fft_r2c(block, {1, 2, 3}, 0, true).reshape({-1}));
  }
  if (parts.empty()) return at::empty({0}, rho.options().dtype(c10::toComplexType(rho.scalar_type())));
  return parts.size() == 1 ? parts[0].contiguous() : at::cat(parts);
}

Tensor transform_back(const DeviceMeshes& meshes, const Tensor& spectrum) {
  std::vector<Tensor> parts;
  for (const auto& run : meshes.runs) {
    const auto& k = meshes.points[run.begin];
    const std::int64_t n = run.end - run.begin, last = k[2] / 2 + 1, modes = std::int64_t{k[0]} * k[1] * last;
    const Tensor block = spectrum.narrow(0, run.first_mode, n * modes).view({n, k[0], k[1], last});
    parts.push_back(at::_fft_c2r(block, {1, 2, 3}, 0, k[2]).reshape({-1}));
  }
  if (parts.empty())
    return at::empty({0}, spectrum.options().dtype(c10::toRealValueType(spectrum.scalar_type())));
  return parts.size() == 1 ? parts[0].contiguous() : at::cat(parts);
}

// Undefined tensors: zero, or not wanted.
struct ModeTensors {
  Tensor rho, tau, out, metric, metric_tangent, seed, total, moments;
};

void sum_modes(const OnDevice& device, const Sums& sums, ModePass pass, const ModeTensors& t) {
  const pme::cuda::Batch batch = sums.meshes->batch();
  const auto numbers = [](const Tensor& tensor) {
    return tensor.defined() ? tensor.const_data_ptr<double>() : nullptr;
  };
  const auto results = [](const Tensor& tensor) {
    return tensor.defined() ? tensor.mutable_data_ptr<double>() : nullptr;
  };
  AT_DISPATCH_FLOATING_TYPES(c10::toRealValueType(t.rho.scalar_type()), "reciprocal_sum", [&] {
    const auto complex = [](const Tensor& tensor) {
      return tensor.defined() ? static_cast<scalar_t*>(tensor.data_ptr()) : nullptr;
    };
    using Mesh = pme::cuda::BatchDevice<scalar_t>;
    const Tensor partial =
        at::empty({static_cast<std::int64_t>(Mesh::partial_size(batch))}, t.metric.options());
    const pme::cuda::ModeArrays<scalar_t> arrays{
        complex(t.rho),
        complex(t.tau),
        complex(t.out),
        numbers(t.metric),
        numbers(t.metric_tangent),
        numbers(t.seed),
        numbers(sums.factors),
        results(t.total),
        results(t.moments),
    };
    device.mesh<scalar_t>()->sum_modes(batch, pass, sums.settings.kernel, arrays,
                                       partial.mutable_data_ptr<double>());
  });
}

// The three steps that mesh_sum and reciprocal_sum share; rho: flat buffers of meshes; all per unit seed if
// it is undefined.

std::tuple<Tensor, Tensor> power(const OnDevice& device, const Sums& sums, const Tensor& rho,
                                 const Tensor& metric) {
  check_metric_shape(metric, sums.meshes->points.size());
  ModeTensors t;
  t.rho = transform(*sums.meshes, rho);
  t.metric = metric;
  t.total = at::empty({metric.size(0)}, metric.options());
  sum_modes(device, sums, ModePass::Power, t);
  return {t.total, t.rho};
}

std::tuple<Tensor, Tensor> gradient(const OnDevice& device, const Sums& sums, const Tensor& spectrum,
                                    const Tensor& metric, const Tensor& seed, bool want_rho,
                                    bool want_metric) {
  ModeTensors t;
  t.rho = spectrum;
  t.metric = metric;
  t.seed = seed;
  if (want_rho) t.out = at::empty_like(spectrum);
  if (want_metric) t.moments = at::empty_like(metric);
  sum_modes(device, sums, ModePass::Gradient, t);
  return {want_rho ? transform_back(*sums.meshes, t.out) : Tensor(), t.moments};
}

std::tuple<Tensor, Tensor, Tensor> second(const OnDevice& device, const Sums& sums, const Tensor& spectrum,
                                          const Tensor& metric, const Tensor& seed, const Tensor& rho_tangent,
                                          const Tensor& metric_tangent, bool want_rho, bool want_metric) {
  ModeTensors t;
  t.rho = spectrum;
  t.metric = metric;
  t.metric_tangent = metric_tangent;
  t.seed = seed;
  if (rho_tangent.defined()) t.tau = transform(*sums.meshes, rho_tangent);
  if (want_rho) t.out = t.tau.defined() ? t.tau : at::empty_like(spectrum);
  if (want_metric) t.moments = at::empty_like(metric);
  t.total = at::empty({metric.size(0)}, metric.options());
  sum_modes(device, sums, ModePass::Second, t);
  return {t.total, want_rho ? transform_back(*sums.meshes, t.out) : Tensor(), t.moments};
}

Tensor contiguous(const std::optional<Tensor>& tensor) { return tensor ? tensor->contiguous() : Tensor(); }

// ------------------------------------------------------------------ operators: signatures as on the CPU

std::tuple<Tensor, Tensor> reciprocal_sum_forward(const Tensor& rho, const Tensor& metric, const Tensor& mesh,
                                                  std::int64_t order, Text deconvolution, Text kernel,
                                                  double smearing) {
  const OnDevice device(rho);
  const Sums sums(mesh, order, deconvolution, kernel, smearing, rho.device());
  check_flat(rho, sums.meshes->n_points, "charges of the mesh");
  return power(device, sums, rho.contiguous(), metric.contiguous());
}

std::tuple<Tensor, Tensor> reciprocal_sum_gradient(const Tensor& spectrum, const Tensor& metric,
                                                   const Tensor& seed, const Tensor& mesh, std::int64_t order,
                                                   Text deconvolution, Text kernel, double smearing,
                                                   bool want_rho, bool want_metric) {
  const OnDevice device(spectrum);
  const Sums sums(mesh, order, deconvolution, kernel, smearing, spectrum.device());
  return gradient(device, sums, spectrum, metric.contiguous(), seed.contiguous(), want_rho, want_metric);
}

std::tuple<Tensor, Tensor, Tensor> reciprocal_sum_second(
    const Tensor& spectrum, const Tensor& metric, const Tensor& seed,
    const std::optional<Tensor>& rho_tangent, const std::optional<Tensor>& metric_tangent, const Tensor& mesh,
    std::int64_t order, Text deconvolution, Text kernel, double smearing, bool want_rho, bool want_metric) {
  const OnDevice device(spectrum);
  const Sums sums(mesh, order, deconvolution, kernel, smearing, spectrum.device());
  return second(device, sums, spectrum, metric.contiguous(), seed.contiguous(), contiguous(rho_tangent),
                contiguous(metric_tangent), want_rho, want_metric);
}

std::tuple<Tensor, Tensor> mesh_sum_forward(const Tensor& u, const Tensor& coefficients, const Tensor& metric,
                                            const Tensor& structure, const Tensor& mesh, std::int64_t order,
                                            Text deconvolution, Text kernel, double smearing,
                                            bool want_spectrum) {
  const OnDevice device(u);
  const Sums sums(mesh, order, deconvolution, kernel, smearing, u.device());
  const auto [total, spectrum] =
      power(device, sums, spread(u, coefficients, structure, mesh, order), metric.contiguous());
  return {total, want_spectrum ? spectrum : Tensor()};
}

Tensor mesh_sum(const Tensor& u, const Tensor& coefficients, const Tensor& metric, const Tensor& structure,
                const Tensor& mesh, std::int64_t order, Text deconvolution, Text kernel, double smearing) {
  return std::get<0>(mesh_sum_forward(u, coefficients, metric, structure, mesh, order, deconvolution, kernel,
                                      smearing, false));
}

std::tuple<Tensor, Tensor> mesh_sum_gradient(const Tensor& u, const Tensor& spectrum, const Tensor& metric,
                                             const Tensor& structure, const Tensor& mesh, std::int64_t order,
                                             Text deconvolution, Text kernel, double smearing,
                                             std::int64_t rank, bool want_metric) {
  const OnDevice device(u);
  const Sums sums(mesh, order, deconvolution, kernel, smearing, u.device());
  const auto [potential, moments] =
      gradient(device, sums, spectrum, metric.contiguous(), Tensor(), true, want_metric);
  return {gather(u, potential, structure, mesh, order, rank), moments};
}

std::tuple<Tensor, Tensor, Tensor> mesh_sum_second(const Tensor& u, const std::optional<Tensor>& tangents,
                                                   const Tensor& spectrum, const Tensor& metric,
                                                   const std::optional<Tensor>& metric_tangent,
                                                   const Tensor& structure, const Tensor& mesh,
                                                   std::int64_t order, Text deconvolution, Text kernel,
                                                   double smearing, std::int64_t rank, bool want_metric) {
  const OnDevice device(u);
  const Sums sums(mesh, order, deconvolution, kernel, smearing, u.device());
  const Tensor tau = tangents ? spread(u, *tangents, structure, mesh, order) : Tensor();
  const auto [total, potential, moments] = second(device, sums, spectrum, metric.contiguous(), Tensor(), tau,
                                                  contiguous(metric_tangent), rank >= 0, want_metric);
  return {total, rank >= 0 ? gather(u, potential, structure, mesh, order, rank) : Tensor(), moments};
}

}  // namespace

void register_mesh_operators(torch::Library& m) {
  m.impl("mesh_spread", spread);
  m.impl("mesh_gather", gather);
  m.impl("_reciprocal_sum_forward", reciprocal_sum_forward);
  m.impl("_reciprocal_sum_gradient", reciprocal_sum_gradient);
  m.impl("_reciprocal_sum_second", reciprocal_sum_second);
  m.impl("mesh_sum", mesh_sum);
  m.impl("_mesh_sum_forward", mesh_sum_forward);
  m.impl("_mesh_sum_gradient", mesh_sum_gradient);
  m.impl("_mesh_sum_second", mesh_sum_second);
}

}  // namespace hotpp::ops
