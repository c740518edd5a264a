// SPDX-License-Identifier: GPL-2.0-or-later
//
// From tensors to the loops of tensor_message_loops.h: memory, grouping of edges, threads.
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "tensor_message.h"
#include "tensor_message_loops.h"

namespace hotpp::ops {
namespace {

// Edges grouped by the atom that owns the sum.
struct EdgeGroups {
  std::vector<std::int64_t> first;  // [n_atoms + 1] position of each atom's first edge
  std::vector<std::int64_t> order;  // [n_edges] edge at each position; empty: positions are edges
};

EdgeGroups group_by_receiver(const MessageTopology& topology) {
  const std::int64_t* receivers = topology.receivers.const_data_ptr<std::int64_t>();
  const std::int64_t n_edges = topology.receivers.size(0);
  EdgeGroups groups;
  groups.first.resize(topology.n_receivers + 1);
  std::int64_t e = 0;
  for (std::int64_t i = 0; i <= topology.n_receivers; ++i) {
    while (e < n_edges && receivers[e] < i) ++e;
    groups.first[i] = e;
  }
  return groups;
}

EdgeGroups group_by_sender(const MessageTopology& topology, std::int64_t n_senders) {
  const std::int64_t* senders = topology.senders.const_data_ptr<std::int64_t>();
  const std::int64_t n_edges = topology.senders.size(0);
  EdgeGroups groups;
  groups.first.assign(n_senders + 1, 0);
  groups.order.resize(n_edges);
  for (std::int64_t e = 0; e < n_edges; ++e) ++groups.first[senders[e] + 1];
  for (std::int64_t j = 0; j < n_senders; ++j) groups.first[j + 1] += groups.first[j];
  std::vector<std::int64_t> next(groups.first.begin(), groups.first.end() - 1);
  for (std::int64_t e = 0; e < n_edges; ++e) groups.order[next[senders[e]]++] = e;
  return groups;
}

// Shares the atoms among torch's threads so that each gets about as many edges.
template <class F>
void parallel_over_atoms(const EdgeGroups& groups, const F& f) {
  constexpr std::int64_t kEdgesWorthAThread = 256;
  const auto& first = groups.first;
  const auto atom_at = [&](std::int64_t edge) {
    return std::lower_bound(first.begin(), first.end() - 1, edge) - first.begin();
  };
  at::parallel_for(0, first.back(), kEdgesWorthAThread,
                   [&](std::int64_t begin, std::int64_t end) { f(atom_at(begin), atom_at(end)); });
}

template <class Real>
Rows<const Real> rows_to_read(const at::Tensor& tensor, const std::vector<Real>& zeros) {
  if (!tensor.defined()) return {zeros.data(), 0};
  return {tensor.const_data_ptr<Real>(), tensor.numel() / tensor.size(0)};
}

template <class Real>
Rows<Real> rows_to_write(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {tensor.mutable_data_ptr<Real>(), tensor.numel() / tensor.size(0)};
}

// The inputs of both loops; `zeros` must outlive the job.
template <class Real>
Job<Real> make_job(const MessageInputs& x, const MessageInputs* tangent, const MessageTopology& topology,
                   const EdgeGroups& groups, const std::vector<Real>& zeros) {
  Job<Real> job{};
  job.channels = x.features.size(2);
  job.n_edges = topology.receivers.size(0);
  job.receivers = topology.receivers.const_data_ptr<std::int64_t>();
  job.senders = topology.senders.const_data_ptr<std::int64_t>();
  job.first = groups.first.data();
  job.order = groups.order.data();
  job.features = rows_to_read<Real>(x.features, zeros);
  job.directions = rows_to_read<Real>(x.directions, zeros);
  job.radial = rows_to_read<Real>(x.radial, zeros);
  if (tangent) {
    job.features_tangent = rows_to_read<Real>(tangent->features, zeros);
    job.directions_tangent = rows_to_read<Real>(tangent->directions, zeros);
    job.radial_tangent = rows_to_read<Real>(tangent->radial, zeros);
  }
  return job;
}

template <class Real>
std::vector<Real> blank_row(std::int64_t channels) {
  return std::vector<Real>(std::max<std::int64_t>(kPaths * channels, 3), Real(0));
}

at::Tensor sum(const MessageInputs& x, const MessageInputs* tangent, const MessageTopology& topology) {
  const std::int64_t channels = x.features.size(2);
  at::Tensor messages =
      at::zeros({topology.n_receivers, components(topology.rank_out), channels}, x.features.options());
  if (topology.receivers.size(0) == 0 || channels == 0) return messages;
  const EdgeGroups groups = group_by_receiver(topology);
  AT_DISPATCH_FLOATING_TYPES(x.features.scalar_type(), "tensor_message", [&] {
    const std::vector<scalar_t> zeros = blank_row<scalar_t>(channels);
    Job<scalar_t> job = make_job(x, tangent, topology, groups, zeros);
    job.messages = rows_to_write<scalar_t>(messages);
    const int rank_in = rank_of(x.features);
    const auto run = tangent ? kernel<MessageLoop, scalar_t, Dual<scalar_t>>(rank_in, topology.rank_out)
                             : kernel<MessageLoop, scalar_t, scalar_t>(rank_in, topology.rank_out);
    parallel_over_atoms(groups, [&](std::int64_t first, std::int64_t last) { run(job, first, last); });
  });
  return messages;
}

MessageInputs differentiate(const MessageInputs& x, const MessageInputs* tangent, const at::Tensor& cotangent,
                            const MessageTopology& topology, Wanted wanted) {
  const std::int64_t channels = x.features.size(2);
  MessageInputs gradient;
  if (wanted.features) gradient.features = at::zeros_like(x.features);
  if (wanted.directions) gradient.directions = at::empty_like(x.directions);
  if (wanted.radial) gradient.radial = at::empty_like(x.radial);
  if (topology.receivers.size(0) == 0) return gradient;
  if (channels == 0) {
    if (wanted.directions) gradient.directions.zero_();
    return gradient;
  }
  const EdgeGroups groups = group_by_sender(topology, x.features.size(0));
  AT_DISPATCH_FLOATING_TYPES(x.features.scalar_type(), "tensor_message_gradients", [&] {
    const std::vector<scalar_t> zeros = blank_row<scalar_t>(channels);
    Job<scalar_t> job = make_job(x, tangent, topology, groups, zeros);
    job.cotangent = rows_to_read<scalar_t>(cotangent, zeros);
    job.features_gradient = rows_to_write<scalar_t>(gradient.features);
    job.directions_gradient = rows_to_write<scalar_t>(gradient.directions);
    job.radial_gradient = rows_to_write<scalar_t>(gradient.radial);
    const int rank_in = rank_of(x.features);
    const auto run = tangent ? kernel<GradientLoop, scalar_t, Dual<scalar_t>>(rank_in, topology.rank_out)
                             : kernel<GradientLoop, scalar_t, scalar_t>(rank_in, topology.rank_out);
    parallel_over_atoms(groups, [&](std::int64_t first, std::int64_t last) {
      // What is not wanted is written to a row of this thread that stays in its cache.
      std::vector<scalar_t> feature_scratch = blank_row<scalar_t>(channels);
      std::vector<scalar_t> radial_scratch = blank_row<scalar_t>(channels);
      std::vector<scalar_t> direction_scratch(3), by_channel(3 * channels);
      Job<scalar_t> mine = job;
      mine.scratch = by_channel.data();
      if (!wanted.features) mine.features_gradient = {feature_scratch.data(), 0};
      if (!wanted.directions) mine.directions_gradient = {direction_scratch.data(), 0};
      if (!wanted.radial) mine.radial_gradient = {radial_scratch.data(), 0};
      run(mine, first, last);
    });
  });
  return gradient;
}

}  // namespace

at::Tensor sum_messages(const MessageInputs& x, const MessageTopology& topology) {
  return sum(x, nullptr, topology);
}

at::Tensor sum_messages_tangent(const MessageInputs& x, const MessageInputs& tangent,
                                const MessageTopology& topology) {
  return sum(x, &tangent, topology);
}

MessageInputs message_gradients(const MessageInputs& x, const at::Tensor& cotangent,
                                const MessageTopology& topology, Wanted wanted) {
  return differentiate(x, nullptr, cotangent, topology, wanted);
}

MessageInputs message_gradients_tangent(const MessageInputs& x, const MessageInputs& tangent,
                                        const at::Tensor& cotangent, const MessageTopology& topology,
                                        Wanted wanted) {
  return differentiate(x, &tangent, cotangent, topology, wanted);
}

}  // namespace hotpp::ops
