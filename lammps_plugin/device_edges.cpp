// SPDX-License-Identifier: GPL-2.0-or-later
#include "device_edges.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "device_edges_tensors.h"

namespace hotpp {

DeviceEdges::DeviceEdges(const Device& device) : tensors_(std::make_unique<Tensors>()) {
  tensors_->device = at::Device(device.name());
}

DeviceEdges::~DeviceEdges() = default;

void DeviceEdges::assign(const EdgeCandidates& candidates, const AtomRows& rows) {
  const auto& first = candidates.first();
  const auto& sender_atoms = candidates.senders();
  const auto n = static_cast<std::int64_t>(sender_atoms.size());
  std::vector<std::int64_t> receivers(n), senders(n), receiver_atoms(n), counts(rows.n_owned);
  for (std::int64_t r = 0; r < rows.n_owned; ++r) {
    counts[r] = first[r + 1] - first[r];
    for (int k = first[r]; k < first[r + 1]; ++k) {
      receivers[k] = r;
      receiver_atoms[k] = rows.atom[r];
      senders[k] = rows.row[sender_atoms[k]];
    }
  }
  // Counting sort, so that forces on senders are sums over consecutive candidates.
  Tensors& t = *tensors_;
  t.n_atoms = static_cast<std::int64_t>(rows.row.size());
  std::vector<std::int64_t> by_sender(n), counts_by_sender(t.n_atoms, 0), place(t.n_atoms + 1, 0);
  for (const int j : sender_atoms) ++counts_by_sender[j];
  std::partial_sum(counts_by_sender.begin(), counts_by_sender.end(), place.begin() + 1);
  for (std::int64_t k = 0; k < n; ++k) by_sender[place[sender_atoms[k]]++] = k;

  const auto there = [&](const std::vector<std::int64_t>& values) {
    return to_device(values, {static_cast<std::int64_t>(values.size())}, at::kLong, t.device);
  };
  t.receivers = there(receivers);
  t.senders = there(senders);
  t.receiver_atoms = there(receiver_atoms);
  t.sender_atoms = there({sender_atoms.begin(), sender_atoms.end()});
  t.counts = there(counts);
  t.by_sender = there(by_sender);
  t.counts_by_sender = there(counts_by_sender);
  t.atoms = there({rows.atom.begin(), rows.atom.begin() + rows.n_owned});
  t.species_there.clear();
}

void DeviceEdges::update(const double* const* x, const double* corner, double cutoff, const AtomRows& rows) {
  with_plain_errors(tensors_->device, [&] { tensors_->update(x, corner, cutoff, rows); });
}

void DeviceEdges::Tensors::update(const double* const* x, const double* corner, double cutoff,
                                  const AtomRows& rows) {
  if (!species.defined() || species_there != rows.species) {
    species_there = rows.species;
    species = to_device(species_there, {rows.n_total()}, at::kLong, device);
  }
  const at::Tensor host = staging.take({n_atoms + 1, 3}, at::kDouble, device);
  double* values = host.data_ptr<double>();
  if (n_atoms > 0) std::copy_n(&x[0][0], 3 * n_atoms, values);  // LAMMPS's arrays are contiguous
  std::copy_n(corner, 3, values + 3 * n_atoms);
  // Nobody writes to the buffer before the next step, and the forces have come back by then.
  const at::Tensor all = host.to(device, at::kDouble, /*non_blocking=*/true, /*copy=*/true);
  const at::Tensor places = all.narrow(0, 0, n_atoms);
  positions = places.index_select(0, atoms) - all.narrow(0, n_atoms, 1);
  const at::Tensor all_vectors =
      places.index_select(0, sender_atoms) - places.index_select(0, receiver_atoms);
  kept = (all_vectors.square().sum(1) < cutoff * cutoff).nonzero().view(-1);
  vectors = all_vectors.index_select(0, kept);
  edge_receivers = receivers.index_select(0, kept);
  edge_senders = senders.index_select(0, kept);
}

std::int64_t DeviceEdges::size() const { return tensors_->kept.defined() ? tensors_->kept.size(0) : 0; }

void DeviceEdges::copy_to(Edges& edges) const {
  const Tensors& t = *tensors_;
  const auto integers = [](const at::Tensor& tensor, auto& out) {
    const at::Tensor here = tensor.cpu();
    out.assign(here.data_ptr<std::int64_t>(), here.data_ptr<std::int64_t>() + here.numel());
  };
  integers(t.edge_receivers, edges.receivers);
  integers(t.edge_senders, edges.senders);
  integers(t.sender_atoms.index_select(0, t.kept), edges.sender_atoms);
  const at::Tensor vectors = t.vectors.cpu();
  edges.vectors.assign(vectors.data_ptr<double>(), vectors.data_ptr<double>() + vectors.numel());
}

at::Tensor DeviceEdges::Tensors::forces(const at::Tensor& gradients) const {
  at::Tensor of_candidates = at::zeros({receivers.size(0), 3}, gradients.options());
  of_candidates.index_copy_(0, kept, gradients);
  at::Tensor sum = -segment_sums(of_candidates.index_select(0, by_sender), counts_by_sender);
  return sum.index_add_(0, atoms, segment_sums(of_candidates, counts));  // an atom is named once
}

at::Tensor DeviceEdges::Tensors::strain(const at::Tensor& gradients) const {
  return gradients.t().matmul(vectors);
}

}  // namespace hotpp
