// SPDX-License-Identifier: GPL-2.0-or-later
//
// atom_update by the fused kernels, without autograd: contiguous CPU tensors of one real type.
#pragma once

#include "ops/atom_update.h"

namespace hotpp::ops {

// kept: null, or receives what the backward pass needs.
UpdateOutputs fused_update(const UpdateInputs& x, const UpdateKind& kind, at::Tensor* kept);

struct UpdateGradients {
  at::Tensor messages, features;  // undefined where not wanted
};
// kept and new_features (those of the results) as the forward pass left them.
UpdateGradients fused_update_gradients(const UpdateInputs& x, const UpdateKind& kind, const at::Tensor& kept,
                                       const at::Tensor& new_features, const UpdateOutputs& by_results,
                                       bool by_messages, bool by_features);

}  // namespace hotpp::ops
