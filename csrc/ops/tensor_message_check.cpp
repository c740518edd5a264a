// SPDX-License-Identifier: GPL-2.0-or-later
//
// What tensor_message refuses, so that its loops need not look.
#include <ATen/ATen.h>

#include "tensor_message.h"
#include "tensor_message_kernel.h"

namespace hotpp::ops {

int rank_of(const at::Tensor& features) { return features.size(1) == 1 ? 0 : features.size(1) == 4 ? 1 : 2; }

void check_message(const MessageInputs& x, const MessageTopology& topology) {
  const auto& [features, directions, radial] = x;
  const auto& [receivers, senders, n_receivers, rank_out] = topology;
  TORCH_CHECK(rank_out >= 0 && rank_out <= 2, "tensor_message: rank_out is ", rank_out,
              ", expected 0, 1 or 2.");
  TORCH_CHECK(
      features.dim() == 3 && (features.size(1) == 1 || features.size(1) == 4 || features.size(1) == 10),
      "tensor_message: features have shape ", features.sizes(),
      ", expected [n_senders, 1 | 4 | 10, channels].");
  TORCH_CHECK(features.scalar_type() == at::kFloat || features.scalar_type() == at::kDouble,
              "tensor_message: features are ", features.scalar_type(), ", expected float32 or float64.");
  TORCH_CHECK(receivers.dim() == 1 && receivers.scalar_type() == at::kLong, "tensor_message: receivers are ",
              receivers.scalar_type(), receivers.sizes(), ", expected int64 [n_edges].");
  const std::int64_t n_edges = receivers.size(0);
  TORCH_CHECK(senders.dim() == 1 && senders.scalar_type() == at::kLong && senders.size(0) == n_edges,
              "tensor_message: senders are ", senders.scalar_type(), senders.sizes(), ", expected int64 [",
              n_edges, "] as the receivers.");
  TORCH_CHECK(directions.dim() == 2 && directions.size(0) == n_edges && directions.size(1) == 3,
              "tensor_message: directions have shape ", directions.sizes(), ", expected [", n_edges,
              ", 3]: a unit vector per edge.");
  const int n_paths = path_count(rank_of(features), rank_out);
  TORCH_CHECK(radial.dim() == 3 && radial.size(0) == n_edges && radial.size(1) == n_paths &&
                  radial.size(2) == features.size(2),
              "tensor_message: radial weights have shape ", radial.sizes(), ", expected [", n_edges, ", ",
              n_paths, ", ", features.size(2),
              "]: edges, paths between these ranks, channels of the features.");
  TORCH_CHECK(
      directions.scalar_type() == features.scalar_type() && radial.scalar_type() == features.scalar_type(),
      "tensor_message: features are ", features.scalar_type(), ", directions ", directions.scalar_type(),
      ", radial weights ", radial.scalar_type(), "; convert them to one type.");
  for (const at::Tensor& t : {features, directions, radial, receivers, senders}) {
    TORCH_CHECK(t.is_cpu(), "tensor_message: a tensor is on ", t.device(),
                ", expected all of them on the CPU.");
    TORCH_INTERNAL_ASSERT(t.is_contiguous());
  }
  const std::int64_t* receiver = receivers.const_data_ptr<std::int64_t>();
  const std::int64_t* sender = senders.const_data_ptr<std::int64_t>();
  const std::int64_t n_senders = features.size(0);
  std::int64_t previous = 0;
  for (std::int64_t e = 0; e < n_edges; ++e) {
    TORCH_CHECK(receiver[e] >= previous, "tensor_message: receivers[", e, "] = ", receiver[e],
                e == 0 ? " is negative." : " follows a larger one; sort the edges by receiver.");
    TORCH_CHECK(receiver[e] < n_receivers, "tensor_message: receivers[", e, "] = ", receiver[e],
                ", expected less than n_receivers = ", n_receivers, ".");
    TORCH_CHECK(sender[e] >= 0 && sender[e] < n_senders, "tensor_message: senders[", e, "] = ", sender[e],
                ", expected 0 <= sender < ", n_senders, ", the number of rows of features.");
    previous = receiver[e];
  }
}

}  // namespace hotpp::ops
