// SPDX-License-Identifier: GPL-2.0-or-later
//
// atom_update by the fused kernels, without autograd: contiguous CPU tensors of one real type.
#pragma once

#include "ops/atom_update.h"

namespace hotpp::ops {

// kept: null, or receives what the backward pass needs.
UpdateOutputs fused_update(const UpdateInputs& x, const UpdateKind& kind, at::Tensor* kept);

// Gradients by messages and features of a linear function of the results. kept and new_features (those of the
// results) as the forward pass left them.
UpdateGradients fused_update_gradients(const UpdateInputs& x, const UpdateKind& kind, const at::Tensor& kept,
                                       const at::Tensor& new_features, const UpdateOutputs& by_results,
                                       const UpdateWanted& wanted);

// The same with gradients by elements and weights (or not); everything is computed anew.
UpdateGradients fused_training_gradients(const UpdateInputs& x, const UpdateKind& kind,
                                         const UpdateOutputs& by_results, const UpdateWanted& wanted);

// Second derivatives: with p = <gradients by messages and features, tangent>, the gradients of p by all
// inputs, and by by_results: `by_seeds`. Undefined members of tangent are zero.
UpdateGradients fused_second_gradients(const UpdateInputs& x, const UpdateKind& kind,
                                       const UpdateOutputs& by_results, const UpdateGradients& tangent,
                                       const UpdateWanted& wanted, UpdateOutputs* by_seeds);

}  // namespace hotpp::ops
