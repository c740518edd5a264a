// SPDX-License-Identifier: GPL-2.0-or-later
//
// From tensors to the loops of tensor_message_loops.h: memory, grouping of edges, threads.
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <algorithm>
#include <vector>

#include "ops/tensor_message.h"
#include "ops/tensor_message_groups.h"
#include "ops/tensor_message_job.h"
#include "ops/tensor_message_kernel.h"

namespace hotpp::ops {
namespace {

// Channels in whole vectors: zeros are appended where their number does not fit.
at::Tensor whole_vectors(const at::Tensor& t, std::int64_t lanes) {
  if (!t.defined()) return t;
  const std::int64_t missing = (lanes - t.size(-1) % lanes) % lanes;
  return missing ? at::constant_pad_nd(t, {0, missing}) : t;
}
at::Tensor without_padding(const at::Tensor& t, std::int64_t channels) {
  return t.defined() && t.size(-1) != channels ? t.narrow(-1, 0, channels).contiguous() : t;
}

template <class Real>
Rows<const Real> rows_to_read(const at::Tensor& tensor, const std::vector<Real>& zeros) {
  if (!tensor.defined() || tensor.size(0) == 0) return {zeros.data(), 0};
  return {tensor.const_data_ptr<Real>(), tensor.stride(0)};
}

template <class Real>
Rows<Real> rows_to_write(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {tensor.mutable_data_ptr<Real>(), tensor.stride(0)};
}

// A call with all that its loops point to.
template <class Real>
struct Call {
  const MessageKernels<Real>& kernels;
  const MessageTopology& topology;
  const int rank_in, rank_out;
  const bool dual;
  const std::int64_t channels, n_paths;
  MessageInputs x;
  at::Tensor features_tangent, cotangent;
  std::vector<Real> zeros;
  MessageJob<Real> job{};

  Call(const MessageInputs& given, const MessageInputs* tangent, const at::Tensor& given_cotangent,
       const MessageTopology& edges)
      : kernels(message_kernels<Real>(given.features.size(2))),
        topology(edges),
        rank_in(rank_of(given.features)),
        rank_out(static_cast<int>(edges.rank_out)),
        dual(tangent),
        channels((given.features.size(2) + kernels.lanes - 1) / kernels.lanes * kernels.lanes),
        n_paths(given.table.size(2)),
        x{whole_vectors(given.features, kernels.lanes), given.edge_vectors,
          whole_vectors(given.table, kernels.lanes)},
        features_tangent(whole_vectors(tangent ? tangent->features : at::Tensor(), kernels.lanes)),
        cotangent(whole_vectors(given_cotangent, kernels.lanes)),
        zeros(std::max<std::int64_t>(components(2) * channels, 3), Real(0)) {
    const std::int64_t knots = x.table.size(0);
    const Real cutoff = static_cast<Real>(topology.cutoff);
    job.channels = channels;
    job.n_edges = topology.receivers.size(0);
    job.receivers = topology.receivers.const_data_ptr<std::int64_t>();
    job.senders = topology.senders.const_data_ptr<std::int64_t>();
    job.shape = {knots, cutoff, static_cast<Real>((knots - 1) / topology.cutoff)};
    job.table = x.table.const_data_ptr<Real>();
    job.features = rows_to_read(x.features, zeros);
    job.edge_vectors = rows_to_read(x.edge_vectors, zeros);
    job.features_tangent = rows_to_read(features_tangent, zeros);
    job.edge_tangents = rows_to_read(tangent ? tangent->edge_vectors : at::Tensor(), zeros);
    job.cotangent = rows_to_read(cotangent, zeros);
  }

  void set_groups(const EdgeGroups& groups) {
    job.first = groups.first.data();
    job.order = groups.order.data();
  }

  at::Tensor messages() {
    const at::Tensor sums =
        at::empty({topology.n_receivers, components(rank_out), channels}, x.features.options());
    const EdgeGroups groups = group_ascending(job.receivers, job.n_edges, topology.n_receivers);
    set_groups(groups);
    job.messages = rows_to_write<Real>(sums);
    const auto run = kernels.messages[dual][rank_in][rank_out];
    parallel_over_owners(groups, [&](std::int64_t first, std::int64_t last) { run(job, first, last); });
    return sums;
  }

  void gradients(MessageInputs& gradient, Wanted wanted) {
    if (wanted.features) gradient.features = at::empty_like(x.features);
    if (wanted.edge_vectors) gradient.edge_vectors = at::empty_like(x.edge_vectors);
    const std::int64_t* const senders = job.senders;
    const EdgeGroups groups =
        group_edges([senders](std::int64_t e) { return senders[e]; }, job.n_edges, x.features.size(0));
    set_groups(groups);
    job.features_gradient = rows_to_write<Real>(gradient.features);
    job.edge_gradients = rows_to_write<Real>(gradient.edge_vectors);
    const auto run = kernels.gradients[dual][rank_in][rank_out];
    parallel_over_owners(groups, [&](std::int64_t first, std::int64_t last) {
      // What is not wanted is written to a row of this thread that stays in its cache.
      std::vector<Real> scratch = zeros;
      MessageJob<Real> mine = job;
      if (!wanted.features) mine.features_gradient = {scratch.data(), 0};
      if (!wanted.edge_vectors) mine.edge_gradients = {scratch.data(), 0};
      run(mine, first, last);
    });
  }

  at::Tensor table_gradient() {
    const TableShape<Real>& shape = job.shape;
    const std::int64_t intervals = shape.knots - 1;
    const auto interval_of = [&](std::int64_t e) {
      const Real* const v = job.edge_vectors.data + e * job.edge_vectors.stride;
      return knot_below(length(Vector<Real>{v[0], v[1], v[2]}), shape);
    };
    const EdgeGroups groups = group_edges(interval_of, job.n_edges, intervals);
    set_groups(groups);
    const at::Tensor sums = at::empty({intervals, 2, 2, n_paths, channels}, x.table.options());
    job.intervals_gradient = sums.mutable_data_ptr<Real>();
    const auto run = kernels.table_gradients[dual][rank_in][rank_out];
    parallel_over_owners(groups, [&](std::int64_t first, std::int64_t last) { run(job, first, last); });
    at::Tensor gradient = at::constant_pad_nd(sums.select(1, 0), {0, 0, 0, 0, 0, 0, 0, 1});
    gradient.narrow(0, 1, intervals).add_(sums.select(1, 1));
    return gradient;
  }
};

bool is_empty(const MessageInputs& x) { return x.edge_vectors.size(0) == 0 || x.features.size(2) == 0; }

at::Tensor sum(const MessageInputs& x, const MessageInputs* tangent, const MessageTopology& topology) {
  const std::int64_t channels = x.features.size(2);
  if (is_empty(x)) {
    return at::zeros({topology.n_receivers, components(static_cast<int>(topology.rank_out)), channels},
                     x.features.options());
  }
  at::Tensor messages;
  AT_DISPATCH_FLOATING_TYPES(x.features.scalar_type(), "tensor_message",
                             [&] { messages = Call<scalar_t>(x, tangent, {}, topology).messages(); });
  return without_padding(messages, channels);
}

MessageInputs differentiate(const MessageInputs& x, const MessageInputs* tangent, const at::Tensor& cotangent,
                            const MessageTopology& topology, Wanted wanted) {
  const std::int64_t channels = x.features.size(2);
  MessageInputs gradient;
  if (is_empty(x)) {
    if (wanted.features) gradient.features = at::zeros_like(x.features);
    if (wanted.edge_vectors) gradient.edge_vectors = at::zeros_like(x.edge_vectors);
    if (wanted.table) gradient.table = at::zeros_like(x.table);
    return gradient;
  }
  AT_DISPATCH_FLOATING_TYPES(x.features.scalar_type(), "tensor_message_gradients", [&] {
    Call<scalar_t> call(x, tangent, cotangent, topology);
    if (wanted.features || wanted.edge_vectors) call.gradients(gradient, wanted);
    if (wanted.table) gradient.table = call.table_gradient();
  });
  gradient.features = without_padding(gradient.features, channels);
  gradient.table = without_padding(gradient.table, channels);
  return gradient;
}

// Messages are linear in the table: its tangent takes the place of it.
MessageInputs with_table(const MessageInputs& x, const at::Tensor& table) {
  return {x.features, x.edge_vectors, table};
}

void add_to(at::Tensor& sum, const at::Tensor& term) {
  if (!term.defined()) return;
  if (sum.defined()) {
    sum.add_(term);
  } else {
    sum = term;
  }
}

}  // namespace

at::Tensor sum_messages(const MessageInputs& x, const MessageTopology& topology) {
  return sum(x, nullptr, topology);
}

at::Tensor sum_messages_tangent(const MessageInputs& x, const MessageInputs& tangent,
                                const MessageTopology& topology) {
  at::Tensor messages;
  if (tangent.features.defined() || tangent.edge_vectors.defined()) messages = sum(x, &tangent, topology);
  if (tangent.table.defined()) add_to(messages, sum(with_table(x, tangent.table), nullptr, topology));
  return messages;
}

MessageInputs message_gradients(const MessageInputs& x, const at::Tensor& cotangent,
                                const MessageTopology& topology, Wanted wanted) {
  return differentiate(x, nullptr, cotangent, topology, wanted);
}

MessageInputs message_gradients_tangent(const MessageInputs& x, const MessageInputs& tangent,
                                        const at::Tensor& cotangent, const MessageTopology& topology,
                                        Wanted wanted) {
  MessageInputs gradient;
  if (tangent.features.defined() || tangent.edge_vectors.defined()) {
    gradient = differentiate(x, &tangent, cotangent, topology, wanted);
  }
  if (tangent.table.defined()) {
    const MessageInputs more = differentiate(with_table(x, tangent.table), nullptr, cotangent, topology,
                                             {wanted.features, wanted.edge_vectors, false});
    add_to(gradient.features, more.features);
    add_to(gradient.edge_vectors, more.edge_vectors);
    if (wanted.table && !gradient.table.defined()) gradient.table = at::zeros_like(x.table);
  }
  return gradient;
}

}  // namespace hotpp::ops
