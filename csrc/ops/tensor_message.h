// SPDX-License-Identifier: GPL-2.0-or-later
//
// The sum over neighbours and its first and second derivatives, without autograd.
// python/hotpp_lr/model/message.py and radial.py say what is computed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace hotpp::ops {

struct MessageTopology {
  at::Tensor receivers;  // [n_edges] int64, ascending
  at::Tensor senders;    // [n_edges] int64
  std::int64_t n_receivers;
  std::int64_t rank_out;
  double cutoff;  // Å
};

// What a message is a function of, a direction in that space, or a gradient: contiguous tensors of one real
// type. Undefined members mean zero in a direction and "not wanted" in a gradient.
struct MessageInputs {
  at::Tensor features;      // [n_senders, 1 | 4 | 10, C]
  at::Tensor edge_vectors;  // [n_edges, 3] from receiver to sender, Å
  at::Tensor table;         // [knots, 2, n_paths, C] radial weights and their slopes times the spacing
};

struct Wanted {
  bool features, edge_vectors, table;
};

// Maximum rank of features [n, 1 | 4 | 10, C].
int rank_of(const at::Tensor& features);

// Refuses shapes and types that the loops must not meet.
void check_message(const MessageInputs& x, const MessageTopology& topology);
// Likewise indices; runs over all of them once. On the CPU.
void check_indices(const MessageTopology& topology, std::int64_t n_senders);

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
