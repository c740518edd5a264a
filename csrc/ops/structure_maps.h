// SPDX-License-Identifier: GPL-2.0-or-later
//
// Small products of per-atom and per-structure quantities. Each is bilinear and its derivatives are made of
// the same ones, so any number of differentiations works. On the CPU in one pass over the atoms; other
// devices use torch's operations.
#pragma once

#include <ATen/core/Tensor.h>

namespace hotpp::ops {

// y_i = x_i T(s_i), or x_i T(s_i)^T: x [N, 3], T [S, 3, 3] float64, structure [N] int64. Returns [N, 3]
// float64.
at::Tensor structure_map(const at::Tensor& x, const at::Tensor& transform, const at::Tensor& structure,
                         bool transposed);
// sum over the atoms of each structure of x_i ⊗ y_i, [S, 3, 3] float64.
at::Tensor structure_outer(const at::Tensor& x, const at::Tensor& y, const at::Tensor& structure,
                           std::int64_t n_structures);
// sum over the atoms of each structure of x_i · y_i, [S] float64; x, y [N, k].
at::Tensor structure_dot(const at::Tensor& x, const at::Tensor& y, const at::Tensor& structure,
                         std::int64_t n_structures);
// x_i e(s_i): x [N, k], e [S] float64. Returns [N, k] of the type of x.
at::Tensor structure_scale(const at::Tensor& x, const at::Tensor& e, const at::Tensor& structure);

}  // namespace hotpp::ops
