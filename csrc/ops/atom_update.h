// SPDX-License-Identifier: GPL-2.0-or-later
//
// Everything that happens on the atoms between two sums over neighbours, as one torch operator:
//
//   hotpp_lr::atom_update(Tensor messages,   [n, 1 | 4 | 10, C]  sums over neighbours; their rank is the
//   model's
//                         Tensor features,   [n, 1 | as messages, C]  of the layer before, owned atoms
//                         Tensor species,    [n] int64
//                         Tensor elements,   [n_elements, C + 2]
//                         Tensor weights,    [update_weights_size] all matrices of the layer
//                         bool many_body, bool last, bool charges, bool dipoles)
//     -> (Tensor features,   [n, as messages, C]  h ← h + gate(W [M, products of M])
//         Tensor sent,       [n, as messages, C]  mixed for the next layer's sum over neighbours
//         Tensor energies,   [n]     energy head of this layer
//         Tensor charges,    [n]     charge head
//         Tensor dipoles)    [n, 3]  dipole head
//
// What is not there has no elements: features and sent of the last layer (its rank-2 part, which no head
// reads, is never computed), charges and dipoles where they are not asked for; they exist in the last layer
// only. python/hotpp_lr/model/update.py and heads.py are the specification; hotpp_lr.model.atom_update packs
// their parameters into `elements` (factor of the messages per receiving element, C numbers, then what the
// element adds to the energy and to the charge) and `weights` (atom_update_weights.h).
//
// On the CPU the fused kernels run: results, first derivatives by everything, and the second derivatives of
// training (those of the gradients by messages and features). On CUDA they give results and first derivatives
// by messages and features. Otherwise (third derivatives, derivatives of gradients by weights, training on
// CUDA) the same is composed of torch operations, differentiable at any order.
//
// What it is made of are operators as well, named _atom_update_*: another device only needs to implement
// those three, TORCH_LIBRARY_IMPL(hotpp_lr, CUDA, m); without them everything is composed. Their tensors are
// contiguous and of the shapes that check_update has seen.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <tuple>
#include <vector>

#include "ops/atom_update_weights.h"

namespace hotpp::ops {

struct UpdateInputs {
  at::Tensor messages, features, species, elements, weights;
};

// Members that do not exist are empty tensors; in a gradient they may be undefined: zero.
struct UpdateOutputs {
  at::Tensor features, sent, energies, charges, dipoles;
};

struct UpdateGradients {
  at::Tensor messages, features, elements, weights;  // undefined where not wanted
};
struct UpdateWanted {
  bool messages, features, elements, weights;
};

// Members of UpdateOutputs, and `kept`: what the backward pass needs.
using UpdateStep = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

// What the arguments describe.
UpdateKind describe_update(const UpdateInputs& x, bool many_body, bool last, bool charges, bool dipoles);

// Refuses shapes, types and species that the loops must not meet.
UpdateKind check_update(const UpdateInputs& x, bool many_body, bool last, bool charges, bool dipoles);

// The operator as a composition of differentiable torch operations, on any device.
UpdateOutputs compose_update(const UpdateInputs& x, const UpdateKind& kind);

// Second derivatives by the composed operator: with p = Σ <gradient, seed> over the wanted gradients (seeds
// in the order of UpdateWanted; undefined: zero), the gradients of p by messages, features, elements,
// weights, and the five by_results. Differentiable themselves where gradients are recorded.
std::vector<at::Tensor> composed_second_gradients(const UpdateInputs& x, const UpdateOutputs& by_results,
                                                  const UpdateKind& kind, const UpdateWanted& wanted,
                                                  const std::vector<at::Tensor>& seeds);

// The wanted ones of the gradients by messages, features, elements and weights, in this order.
std::vector<at::Tensor> wanted_of(const UpdateGradients& gradient, const UpdateWanted& wanted);

}  // namespace hotpp::ops
