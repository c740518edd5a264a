// SPDX-License-Identifier: GPL-2.0-or-later
//
// The sum over modes of each structure and its derivatives, without autograd:
//
//   sum_s = sum_k A(k²) |rho(k)|²,   k² = sum_ij n_i n_j metric_ij,   rho(k) = unnormalised transform
//
// E = 2 pi k_e / V times it. A is a ModeTable. With tangents tau of rho and Gamma of the metric:
//
//   gradient  d/d rho = 2 A * rho,  d/d metric_ij = sum_k n_i n_j A' |rho|²
//   second    J = e (<tau, d sum/d rho> + Gamma : d sum/d metric), differentiated by e, rho, metric:
//     dJ/de = sum_k 2 A Re(tau rho*) + (nΓn) A' |rho|²,   dJ/drho = e (2 A * tau + 2 (nΓn) A' * rho),
//     dJ/dmetric_ij = e sum_k n_i n_j [2 A' Re(tau rho*) + (nΓn) A'' |rho|²]
//
// All sums are float64, in an order that does not depend on the number of threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

#include "ops/mode_table.h"

namespace hotpp::ops {

// metric [S, 3, 3] float64, finite, else ValueError.
void check_metric(const at::Tensor& metric, std::int64_t n_structures);

// rho: flat buffer as in mesh_batch.h, float32 or float64; metric [S, 3, 3] float64 in 1/Å²; mesh [S, 3]
// int64. Returns sums [S] float64 and the spectrum of rho (opaque, of the type of rho).
std::tuple<at::Tensor, at::Tensor> reciprocal_sum_cpu(const at::Tensor& rho, const at::Tensor& metric,
                                                      const at::Tensor& mesh, const ModeSettings& settings);

// Times seed [S] float64; unwanted results are undefined.
std::tuple<at::Tensor, at::Tensor> reciprocal_sum_gradient_cpu(const at::Tensor& spectrum,
                                                               const at::Tensor& metric,
                                                               const at::Tensor& seed, const at::Tensor& mesh,
                                                               const ModeSettings& settings, bool want_rho,
                                                               bool want_metric);

// dJ/de [S], dJ/drho, dJ/dmetric with e = seed; undefined tangents are zero, unwanted results undefined.
std::tuple<at::Tensor, at::Tensor, at::Tensor> reciprocal_sum_second_cpu(
    const at::Tensor& spectrum, const at::Tensor& metric, const at::Tensor& seed,
    const at::Tensor& rho_tangent, const at::Tensor& metric_tangent, const at::Tensor& mesh,
    const ModeSettings& settings, bool want_rho, bool want_metric);

}  // namespace hotpp::ops
