// SPDX-License-Identifier: GPL-2.0-or-later
//
// The sum over neighbours on the CPU and its first and second derivatives, without autograd.
// python/hotpp_lr/model/message.py says what is computed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace hotpp::ops {

struct MessageTopology {
  at::Tensor receivers;  // [n_edges] int64, ascending
  at::Tensor senders;    // [n_edges] int64
  std::int64_t n_receivers;
  int rank_out;
};

// What a message is a function of, a direction in that space, or a gradient: contiguous CPU tensors of one
// real type. Undefined members mean zero in a direction and "not wanted" in a gradient.
struct MessageInputs {
  at::Tensor features;    // [n_senders, 1 | 4 | 10, C]
  at::Tensor directions;  // [n_edges, 3]
  at::Tensor radial;      // [n_edges, n_paths, C]
};

struct Wanted {
  bool features, directions, radial;
};

// Maximum rank of features [n, 1 | 4 | 10, C].
int rank_of(const at::Tensor& features);

// Refuses shapes, types and indices that the loops must not meet; runs over all indices once.
void check_message(const MessageInputs& x, const MessageTopology& topology);

// Messages [n_receivers, 1 | 4 | 10, C].
at::Tensor sum_messages(const MessageInputs& x, const MessageTopology& topology);

// Their derivative along `tangent`.
at::Tensor sum_messages_tangent(const MessageInputs& x, const MessageInputs& tangent,
                                const MessageTopology& topology);

// Gradient of <messages(x), cotangent> with respect to x.
MessageInputs message_gradients(const MessageInputs& x, const at::Tensor& cotangent,
                                const MessageTopology& topology, Wanted wanted);

// The derivative of that gradient along `tangent`, at a fixed cotangent.
MessageInputs message_gradients_tangent(const MessageInputs& x, const MessageInputs& tangent,
                                        const at::Tensor& cotangent, const MessageTopology& topology,
                                        Wanted wanted);

}  // namespace hotpp::ops
