// SPDX-License-Identifier: GPL-2.0-or-later
//
// tensor_message and its derivatives on a device. What the CPU checks in every call (indices of edges) is
// checked here when an edge list is seen for the first time: then, and only then, the device is waited for
// (message_groups.h).
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <algorithm>
#include <tuple>

#include "ops/device/backend.h"
#include "ops/device/message_groups.h"
#include "ops/device/operators.h"
#include "ops/tensor_message.h"

namespace hotpp::ops {
namespace {

using at::Tensor;
using device::MessageArrays;
using device::MessageKind;
using MaybeTensor = std::optional<Tensor>;

struct Inputs {
  Tensor features, vectors, table, features_tangent, vectors_tangent, table_tangent, receivers, senders;
  double cutoff;

  Inputs(const Tensor& features_, const Tensor& vectors_, const Tensor& table_,
         const MaybeTensor& features_along, const MaybeTensor& vectors_along, const MaybeTensor& table_along,
         const Tensor& receivers_, const Tensor& senders_, double cutoff_)
      : features(features_),
        vectors(vectors_),
        table(table_),
        features_tangent(features_along.value_or(Tensor())),
        vectors_tangent(vectors_along.value_or(Tensor())),
        table_tangent(table_along.value_or(Tensor())),
        receivers(receivers_),
        senders(senders_),
        cutoff(cutoff_) {}

  template <class Real>
  MessageArrays<Real> arrays(const Tensor& cotangent) const {
    const auto data = [](const Tensor& t) { return t.defined() ? t.const_data_ptr<Real>() : nullptr; };
    const std::int64_t knots = table.size(0);
    return {data(features),
            data(features_tangent),
            data(vectors),
            data(vectors_tangent),
            data(table),
            data(table_tangent),
            data(cotangent),
            receivers.const_data_ptr<std::int64_t>(),
            senders.const_data_ptr<std::int64_t>(),
            receivers.size(0),
            features.size(0),
            static_cast<int>(features.size(2)),
            {knots, static_cast<Real>(cutoff), static_cast<Real>((knots - 1) / cutoff)}};
  }
  MessageKind kind(std::int64_t rank_out) const {
    return {rank_of(features), static_cast<int>(rank_out),
            features_tangent.defined() || vectors_tangent.defined() || table_tangent.defined()};
  }
};

Tensor table_gradient(const OnDevice& on, const Inputs& x, MessageKind kind, const Tensor& cotangent) {
  const std::int64_t knots = x.table.size(0), n_edges = x.receivers.size(0);
  // Intervals with many edges are shared out among blocks, whose partial sums must not outgrow the edges.
  const int parts = static_cast<int>(std::clamp<std::int64_t>(n_edges / (64 * (knots - 1)), 1, 16));
  const Tensor partial =
      at::empty({knots - 1, parts, 4, x.table.size(2), x.table.size(3)}, x.table.options());
  const Tensor below = at::empty_like(x.receivers), gradient = at::empty_like(x.table);
  AT_DISPATCH_FLOATING_TYPES(x.features.scalar_type(), "tensor_message", [&] {
    const auto messages = on.messages<scalar_t>();
    const auto arrays = x.arrays<scalar_t>(cotangent);
    messages->find_knots(arrays, below.mutable_data_ptr<std::int64_t>());
    const Groups by_knot = grouped(below, knots - 1);
    messages->table_gradients(kind, arrays, by_knot.view(), parts, partial.mutable_data_ptr<scalar_t>(),
                              gradient.mutable_data_ptr<scalar_t>());
  });
  return gradient;
}

// ------------------------------------------------------------------ operators: signatures as on the CPU

Tensor sum_on_device(const Tensor& features, const Tensor& vectors, const Tensor& table,
                     const MaybeTensor& features_tangent, const MaybeTensor& vectors_tangent,
                     const MaybeTensor& table_tangent, const Tensor& receivers, const Tensor& senders,
                     std::int64_t n_receivers, std::int64_t rank_out, double cutoff) {
  const OnDevice on(features);
  const Inputs x(features, vectors, table, features_tangent, vectors_tangent, table_tangent, receivers,
                 senders, cutoff);
  const std::int64_t components = rank_out == 0 ? 1 : rank_out == 1 ? 4 : 10;
  const Tensor messages = at::empty({n_receivers, components, features.size(2)}, features.options());
  const Groups groups = groups_by_receiver(receivers, senders, n_receivers, features.size(0));
  if (messages.numel() == 0) return messages;
  AT_DISPATCH_FLOATING_TYPES(features.scalar_type(), "tensor_message", [&] {
    on.messages<scalar_t>()->messages(x.kind(rank_out), x.arrays<scalar_t>(Tensor()), groups.view(),
                                      messages.mutable_data_ptr<scalar_t>());
  });
  return messages;
}

std::tuple<Tensor, Tensor, Tensor> gradients_on_device(
    const Tensor& features, const Tensor& vectors, const Tensor& table, const MaybeTensor& features_tangent,
    const MaybeTensor& vectors_tangent, const MaybeTensor& table_tangent, const Tensor& cotangent,
    const Tensor& receivers, const Tensor& senders, std::int64_t, std::int64_t rank_out, double cutoff,
    bool want_features, bool want_edges, bool want_table) {
  const OnDevice on(features);
  const Inputs x(features, vectors, table, features_tangent, vectors_tangent, table_tangent, receivers,
                 senders, cutoff);
  const MessageKind kind = x.kind(rank_out);
  Tensor by_features, by_edges, by_table;
  if (features.size(2) == 0) {
    if (want_features) by_features = at::zeros_like(features);
    if (want_edges) by_edges = at::zeros_like(vectors);
    if (want_table) by_table = at::zeros_like(table);
    return {by_features, by_edges, by_table};
  }
  AT_DISPATCH_FLOATING_TYPES(features.scalar_type(), "tensor_message", [&] {
    const auto messages = on.messages<scalar_t>();
    const auto arrays = x.arrays<scalar_t>(cotangent);
    if (want_features) {
      const Groups groups = groups_by_sender(senders, features.size(0));
      by_features = at::empty_like(features);
      messages->feature_gradients(kind, arrays, groups.view(), by_features.mutable_data_ptr<scalar_t>());
    }
    if (want_edges) {
      by_edges = at::empty_like(vectors);
      messages->edge_gradients(kind, arrays, by_edges.mutable_data_ptr<scalar_t>());
    }
  });
  if (want_table) by_table = table_gradient(on, x, kind, cotangent);
  return {by_features, by_edges, by_table};
}

}  // namespace

void register_message_operators(torch::Library& m) {
  m.impl("_tensor_message_sum", sum_on_device);
  m.impl("_tensor_message_gradients", gradients_on_device);
  m.impl("_tensor_message_groups", group_edges);
}

}  // namespace hotpp::ops
