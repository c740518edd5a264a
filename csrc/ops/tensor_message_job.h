// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the loops of tensor_message work on: plain data, which the files of all instruction sets share.
#pragma once

#include <cstdint>

#include "ops/tensor_message_edge.h"

namespace hotpp::ops {

// Rows of a tensor; stride 0 repeats one row (zeros to read, scratch to write).
template <class T>
struct Rows {
  T* data;
  std::int64_t stride;
};

// Channels are a multiple of MessageKernels::lanes. Outputs need not be initialised.
template <class Real>
struct MessageJob {
  std::int64_t channels, n_edges;
  const std::int64_t *receivers, *senders;  // [n_edges]
  const std::int64_t* first;  // [n_owners + 1] position of the first edge of each owner of a sum
  const std::int64_t* order;  // [n_edges] edge at each position (senders and knots as owners)
  TableShape<Real> shape;
  const Real* table;  // [knots, 2, n_paths, channels]
  Rows<const Real> features, edge_vectors;
  Rows<const Real> features_tangent, edge_tangents;  // dual loops only
  Rows<const Real> cotangent;
  Rows<Real> messages, features_gradient, edge_gradients;
  Real* intervals_gradient;  // [knots - 1, 4, n_paths, channels]: y0, d0, y1, d1 of every interval
};

// Works on the owners first <= i < last: receivers of messages, senders for gradients, or table intervals.
template <class Real>
using MessageLoop = void (*)(const MessageJob<Real>&, std::int64_t first, std::int64_t last);

// [0]: the sums themselves; [1]: their derivatives along the tangents (at a fixed table).
// [rank_in][rank_out].
template <class Real>
struct MessageKernels {
  int lanes;     // channels side by side
  int channels;  // number of channels that the loops are made for; 0: any multiple of `lanes`
  MessageLoop<Real> messages[2][3][3], gradients[2][3][3], table_gradients[2][3][3];
};

constexpr int kMessageTables = 4;

// Those of this processor for so many channels.
template <class Real>
const MessageKernels<Real>& message_kernels(std::int64_t channels);

}  // namespace hotpp::ops
