// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operators hotpp_lr::* that have kernels for a device, without autograd.
#pragma once

#include <torch/library.h>

namespace hotpp::ops {

// Spread, gather, and the sums over modes with their derivatives (mesh_operators.cpp).
void register_mesh_operators(torch::Library&);

// tensor_message and its derivatives (message_operators.cpp).
void register_message_operators(torch::Library&);

// atom_update and its gradients by messages and features (update_operators.cpp).
void register_update_operators(torch::Library&);

inline void register_operators(torch::Library& m) {
  register_mesh_operators(m);
  register_message_operators(m);
  register_update_operators(m);
}

}  // namespace hotpp::ops
