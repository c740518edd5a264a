// SPDX-License-Identifier: GPL-2.0-or-later
//
// What tensor_message refuses, so that its loops need not look.
#include <ATen/ATen.h>

#include <cmath>

#include "ops/tensor_message.h"
#include "ops/tensor_message_kernel.h"

namespace hotpp::ops {

int rank_of(const at::Tensor& features) { return features.size(1) == 1 ? 0 : features.size(1) == 4 ? 1 : 2; }

void check_message(const MessageInputs& x, const MessageTopology& topology) {
  const auto& [features, edge_vectors, table] = x;
  const auto& [receivers, senders, n_receivers, rank_out, cutoff] = topology;
  TORCH_CHECK(rank_out >= 0 && rank_out <= 2, "tensor_message: rank_out is ", rank_out,
              ", expected 0, 1 or 2.");
  TORCH_CHECK(std::isfinite(cutoff) && cutoff > 0, "tensor_message: cutoff is ", cutoff,
              ", expected a positive length in Å.");
  TORCH_CHECK(n_receivers >= 0, "tensor_message: n_receivers is ", n_receivers, ", expected 0 or more.");
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
  TORCH_CHECK(edge_vectors.dim() == 2 && edge_vectors.size(0) == n_edges && edge_vectors.size(1) == 3,
              "tensor_message: edge vectors have shape ", edge_vectors.sizes(), ", expected [", n_edges,
              ", 3]: from receiver to sender.");
  const int n_paths = path_count(rank_of(features), static_cast<int>(rank_out));
  TORCH_CHECK(table.dim() == 4 && table.size(0) >= 2 && table.size(1) == 2 && table.size(2) == n_paths &&
                  table.size(3) == features.size(2),
              "tensor_message: the radial table has shape ", table.sizes(), ", expected [2 or more, 2, ",
              n_paths, ", ", features.size(2),
              "]: knots, value and slope, paths between these ranks, channels of the features.");
  TORCH_CHECK(
      edge_vectors.scalar_type() == features.scalar_type() && table.scalar_type() == features.scalar_type(),
      "tensor_message: features are ", features.scalar_type(), ", edge vectors ", edge_vectors.scalar_type(),
      ", radial table ", table.scalar_type(), "; convert them to one type.");
  for (const at::Tensor& t : {edge_vectors, table, receivers, senders}) {
    TORCH_CHECK(t.device() == features.device(), "tensor_message: features are on ", features.device(),
                ", another tensor on ", t.device(), "; move them to one device.");
  }
}

void check_indices(const MessageTopology& topology, std::int64_t n_senders) {
  const std::int64_t n_edges = topology.receivers.size(0);
  const std::int64_t* receiver = topology.receivers.const_data_ptr<std::int64_t>();
  const std::int64_t* sender = topology.senders.const_data_ptr<std::int64_t>();
  std::int64_t previous = 0;
  for (std::int64_t e = 0; e < n_edges; ++e) {
    TORCH_CHECK(receiver[e] >= previous, "tensor_message: receivers[", e, "] = ", receiver[e],
                e == 0 ? " is negative." : " follows a larger one; sort the edges by receiver.");
    TORCH_CHECK(receiver[e] < topology.n_receivers, "tensor_message: receivers[", e, "] = ", receiver[e],
                ", expected less than n_receivers = ", topology.n_receivers, ".");
    TORCH_CHECK(sender[e] >= 0 && sender[e] < n_senders, "tensor_message: senders[", e, "] = ", sender[e],
                ", expected 0 <= sender < ", n_senders, ", the number of rows of features.");
    previous = receiver[e];
  }
}

}  // namespace hotpp::ops
