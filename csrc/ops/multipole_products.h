// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the chain rule does with multipole components, per atom:
//
//   F(c, d, v) = sum_a v_a sum_j c_j d_(j + a),   a = x, y, z
//
// c: components up to rank L, d: up to rank L + 1, v: a vector; j + a is the component of one more derivative
// along a. Leaving out one argument gives a bilinear map; the derivatives of these maps are each other, so
// any number of differentiations needs nothing else.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <tuple>

#include "pme/multipoles.h"

namespace hotpp::ops {

// Rank of a tensor with 1, 4, 10 or 20 columns; `what` names it in the error.
std::int64_t rank_of_columns(const at::Tensor& components, const char* what);
constexpr std::int64_t components(std::int64_t rank) { return pme::components(static_cast<int>(rank)); }

// dF/dv [N, 3] float64, and beside it d up to rank L. d may have more ranks than needed.
std::tuple<at::Tensor, at::Tensor> contract(const at::Tensor& c, const at::Tensor& d);
// dF/dd [N, components(L + 1)], plus `add` [N, components(L)] if defined.
at::Tensor promote(const at::Tensor& c, const at::Tensor& v, const at::Tensor& add);
// dF/dc [N, components(rank)].
at::Tensor lower(const at::Tensor& d, const at::Tensor& v, std::int64_t rank);

}  // namespace hotpp::ops
