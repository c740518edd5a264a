// SPDX-License-Identifier: GPL-2.0-or-later
//
// reciprocal_sum(mesh_spread(u, c)) of each structure in one piece, without autograd: each mesh goes from
// spread to gather while it is in the cache, and nothing is computed twice. Results per unit seed; see
// reciprocal_sum.h.
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

#include "ops/mode_table.h"

namespace hotpp::ops {

// Sums [S] float64 and the spectrum (undefined unless wanted).
std::tuple<at::Tensor, at::Tensor> mesh_sum_cpu(const at::Tensor& u, const at::Tensor& coefficients,
                                                const at::Tensor& metric, const at::Tensor& structure,
                                                const at::Tensor& mesh, const ModeSettings& settings,
                                                bool want_spectrum);

// gather_rank(2 A * rho) [N, components(rank)] and the derivative by the metric [S, 3, 3] if wanted.
std::tuple<at::Tensor, at::Tensor> mesh_sum_gradient_cpu(const at::Tensor& u, const at::Tensor& spectrum,
                                                         const at::Tensor& metric,
                                                         const at::Tensor& structure, const at::Tensor& mesh,
                                                         const ModeSettings& settings, std::int64_t rank,
                                                         bool want_metric);

// With tau = spread(u, tangents), zero if undefined: dJ/de [S], gather_rank of dJ/drho (undefined if rank <
// 0), dJ/dmetric if wanted.
std::tuple<at::Tensor, at::Tensor, at::Tensor> mesh_sum_second_cpu(
    const at::Tensor& u, const at::Tensor& tangents, const at::Tensor& spectrum, const at::Tensor& metric,
    const at::Tensor& metric_tangent, const at::Tensor& structure, const at::Tensor& mesh,
    const ModeSettings& settings, std::int64_t rank, bool want_metric);

}  // namespace hotpp::ops
