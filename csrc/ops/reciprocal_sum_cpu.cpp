// SPDX-License-Identifier: GPL-2.0-or-later
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <algorithm>
#include <cstring>

#include "ops/mesh_batch.h"
#include "ops/mesh_scratch.h"
#include "ops/mode_sums.h"
#include "ops/reciprocal_sum.h"

namespace hotpp::ops {
namespace {

using at::Tensor;

// Reals in the spectrum of each structure, kept as [y][x][z] complex.
std::vector<std::int64_t> spectrum_offsets(const MeshBatch& batch) {
  std::vector<std::int64_t> first{0};
  for (const auto& mesh : batch.meshes)
    first.push_back(first.back() + 2 * static_cast<std::int64_t>(mesh[0]) * mesh[1] * (mesh[2] / 2 + 1));
  return first;
}

// One structure at work: its transforms and the memory of this thread.
template <class Real>
class Worker {
 public:
  explicit Worker(const std::array<int, 3>& mesh)
      : grid_(mesh, pme::min_order), fft_(transforms(grid_)), work_(scratch<Real>(grid_.size())), modes_(mesh),
        slabs_(mesh[1]) {}

  const Modes& modes() const { return modes_; }
  int stored() const { return modes_.stored(); }
  Real* row(int x, int y) const { return work_ + x * grid_.plane + y * grid_.row; }

  // [K1, K2, K3] -> planes transformed.
  void load(const Real* mesh) {
    const auto [k1, k2, k3] = grid_.points;
#pragma omp parallel for schedule(static)
    for (int x = 0; x < k1; ++x) {
      for (int y = 0; y < k2; ++y) std::copy_n(mesh + (static_cast<std::int64_t>(x) * k2 + y) * k3, k3, row(x, y));
      fft_->plane_forward(work_, x);
    }
  }

  // Planes transformed back -> factor times [K1, K2, K3].
  void store(double factor, Real* mesh) {
    const auto [k1, k2, k3] = grid_.points;
    const Real scale = static_cast<Real>(factor);
#pragma omp parallel for schedule(static)
    for (int x = 0; x < k1; ++x) {
      fft_->plane_backward(work_, x);
      for (int y = 0; y < k2; ++y) {
        Real* const to = mesh + (static_cast<std::int64_t>(x) * k2 + y) * k3;
        const Real* const from = row(x, y);
        for (int z = 0; z < k3; ++z) to[z] = scale * from[z];
      }
    }
  }

  // Calls f(x, y, columns) for all rows, slab by slab, between the transforms along x that are wanted.
  template <class F>
  SlabSum over_slabs(bool forward, bool backward, const F& f) {
    const auto [k1, k2, k3] = grid_.points;
#pragma omp parallel
    {
      SlabColumns columns(stored());
#pragma omp for schedule(static)
      for (int y = 0; y < k2; ++y) {
        columns.clear();
        if (forward) fft_->slab_forward(work_, y);
        for (int x = 0; x < k1; ++x) f(x, y, columns);
        if (backward) fft_->slab_backward(work_, y);
        slabs_[y] = columns.finish(modes_, y);
      }
    }
    SlabSum sum;  // in a fixed order
    for (const SlabSum& slab : slabs_) sum += slab;
    return sum;
  }

 private:
  pme::Grid<Real> grid_;
  std::shared_ptr<const pme::Fft<Real>> fft_;
  Real* work_;
  Modes modes_;
  std::vector<SlabSum> slabs_;
};

// moments xx, yy, zz, xy, xz, yz -> [3][3]
void write_metric_gradient(double factor, const SlabSum& sum, double* to) {
  constexpr int component[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
  for (int ij = 0; ij < 9; ++ij) to[ij] = factor * sum.moments[component[ij]];
}

void check_metric(const Tensor& metric, const MeshBatch& batch) {
  TORCH_CHECK_VALUE(metric.scalar_type() == at::kDouble && metric.dim() == 3 &&
                        metric.size(0) == batch.n_structures() && metric.size(1) == 3 && metric.size(2) == 3,
                    "metric has shape ", metric.sizes(), ", type ", metric.scalar_type(), ": expected float64 [",
                    batch.n_structures(), ", 3, 3], the products of the reciprocal lattice vectors in 1/Å².");
  const double* const g = metric.const_data_ptr<double>();
  for (std::int64_t i = 0; i < metric.numel(); ++i)
    TORCH_CHECK_VALUE(std::isfinite(g[i]), "the metric of structure ", i / 9,
                      " is not finite: check the cell, it may have no volume.");
}

}  // namespace

std::tuple<Tensor, Tensor> reciprocal_sum_cpu(const Tensor& rho, const Tensor& metric, const Tensor& mesh,
                                              const ModeSettings& settings) {
  const MeshBatch batch = mesh_batch(mesh, settings.order);
  check_metric(metric, batch);
  TORCH_CHECK_VALUE(rho.dim() == 1 && rho.size(0) == batch.n_points(), "rho has shape ", rho.sizes(), ": expected [",
                    batch.n_points(), "], all mesh points of the batch.");
  TORCH_CHECK_VALUE(rho.scalar_type() == at::kFloat || rho.scalar_type() == at::kDouble, "rho is ", rho.scalar_type(),
                    ": expected float32 or float64.");
  const std::vector<std::int64_t> first = spectrum_offsets(batch);
  Tensor sums = at::empty({batch.n_structures()}, metric.options());
  Tensor spectrum = at::empty({first.back()}, rho.options());
  AT_DISPATCH_FLOATING_TYPES(rho.scalar_type(), "reciprocal_sum", [&] {
    const scalar_t* const from = rho.const_data_ptr<scalar_t>();
    scalar_t* const saved = spectrum.mutable_data_ptr<scalar_t>();
    double* const sum = sums.mutable_data_ptr<double>();
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      Worker<scalar_t> worker(batch.meshes[s]);
      const auto table = mode_table<scalar_t>(settings, batch.meshes[s], metric.const_data_ptr<double>() + 9 * s, 0);
      const int n = worker.stored(), k1 = batch.meshes[s][0];
      worker.load(from + batch.first_point[s]);
      sum[s] = worker
                   .over_slabs(true, false,
                               [&](int x, int y, SlabColumns& columns) {
                                 const std::int64_t at = (static_cast<std::int64_t>(y) * k1 + x) * n;
                                 std::copy_n(worker.row(x, y), 2 * n, saved + first[s] + 2 * at);
                                 add_power(n, worker.row(x, y), table->value.data() + at, columns.total.data());
                               })
                   .total;
    });
  });
  return {sums, spectrum};
}

std::tuple<Tensor, Tensor> reciprocal_sum_gradient_cpu(const Tensor& spectrum, const Tensor& metric, const Tensor& seed,
                                                       const Tensor& mesh, const ModeSettings& settings, bool want_rho,
                                                       bool want_metric) {
  const MeshBatch batch = mesh_batch(mesh, settings.order);
  const std::vector<std::int64_t> first = spectrum_offsets(batch);
  Tensor rho_gradient, metric_gradient;
  if (want_rho) rho_gradient = at::empty({batch.n_points()}, spectrum.options());
  if (want_metric) metric_gradient = at::empty_like(metric);
  AT_DISPATCH_FLOATING_TYPES(spectrum.scalar_type(), "reciprocal_sum_gradient", [&] {
    const scalar_t* const rho = spectrum.const_data_ptr<scalar_t>();
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      Worker<scalar_t> worker(batch.meshes[s]);
      const auto table =
          mode_table<scalar_t>(settings, batch.meshes[s], metric.const_data_ptr<double>() + 9 * s, want_metric);
      const int n = worker.stored(), k1 = batch.meshes[s][0];
      const double e = seed.const_data_ptr<double>()[s];
      const SlabSum sum = worker.over_slabs(false, want_rho, [&](int x, int y, SlabColumns& columns) {
        const std::int64_t at = (static_cast<std::int64_t>(y) * k1 + x) * n;
        const scalar_t* const modes = rho + first[s] + 2 * at;
        if (want_rho) convolve(n, modes, table->value.data() + at, worker.row(x, y));
        if (!want_metric) return;
        slope_terms(n, modes, table->slope.data() + at, columns.terms.data());
        columns.add_moments(worker.modes(), x);
      });
      if (want_rho) worker.store(e, rho_gradient.mutable_data_ptr<scalar_t>() + batch.first_point[s]);
      if (want_metric) write_metric_gradient(e, sum, metric_gradient.mutable_data_ptr<double>() + 9 * s);
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
  const std::vector<std::int64_t> first = spectrum_offsets(batch);
  Tensor seed_gradient = at::empty_like(seed), rho_gradient, metric_gradient;
  if (want_rho) rho_gradient = at::empty({batch.n_points()}, spectrum.options());
  if (want_metric) metric_gradient = at::empty_like(metric);
  const bool tau = rho_tangent.defined(), gamma = metric_tangent.defined();
  const int derivatives = gamma && want_metric ? 2 : gamma || want_metric ? 1 : 0;
  AT_DISPATCH_FLOATING_TYPES(spectrum.scalar_type(), "reciprocal_sum_second", [&] {
    const scalar_t* const rho = spectrum.const_data_ptr<scalar_t>();
    for_each_structure(batch.n_structures(), [&](std::int64_t s) {
      Worker<scalar_t> worker(batch.meshes[s]);
      const auto table =
          mode_table<scalar_t>(settings, batch.meshes[s], metric.const_data_ptr<double>() + 9 * s, derivatives);
      const int n = worker.stored(), k1 = batch.meshes[s][0];
      const double e = seed.const_data_ptr<double>()[s];
      const double* const g = gamma ? metric_tangent.const_data_ptr<double>() + 9 * s : nullptr;
      if (tau) worker.load(rho_tangent.const_data_ptr<scalar_t>() + batch.first_point[s]);
      const SlabSum sum = worker.over_slabs(tau, want_rho, [&](int x, int y, SlabColumns& columns) {
        const std::int64_t at = (static_cast<std::int64_t>(y) * k1 + x) * n;
        scalar_t* const row = worker.row(x, y);
        const ModeRow<scalar_t> modes{rho + first[s] + 2 * at, row, table->value.data() + at,
                                      derivatives > 0 ? table->slope.data() + at : nullptr,
                                      derivatives > 1 ? table->curvature.data() + at : nullptr};
        double* const terms = want_metric ? columns.terms.data() : nullptr;
        if (tau) {
          rho_tangent_terms(modes, n, columns.total.data(), row, terms);
        } else {
          std::fill_n(row, 2 * n, scalar_t(0));
          if (terms) std::fill_n(terms, n, 0.0);
        }
        if (gamma)
          metric_tangent_terms(modes, n, RowTangent(g, worker.modes(), x, y), worker.modes().z, columns.total.data(),
                               row, terms);
        if (want_metric) columns.add_moments(worker.modes(), x);
      });
      if (want_rho) worker.store(e, rho_gradient.mutable_data_ptr<scalar_t>() + batch.first_point[s]);
      if (want_metric) write_metric_gradient(e, sum, metric_gradient.mutable_data_ptr<double>() + 9 * s);
      seed_gradient.mutable_data_ptr<double>()[s] = sum.total;
    });
  });
  return {seed_gradient, rho_gradient, metric_gradient};
}

}  // namespace hotpp::ops
