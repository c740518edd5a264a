// SPDX-License-Identifier: GPL-2.0-or-later
#include "device_edges.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <cstddef>
#include <tuple>

#include "device_edges_tensors.h"

namespace hotpp {
namespace {

// A tenth to spare: the number of pairs within the range of the neighbour list fluctuates.
std::int64_t with_room(std::int64_t n) { return n + n / 10 + 32; }

// Much less than there was: a box that has grown, or lost its atoms.
bool fits(std::int64_t n, std::int64_t room) { return n <= room && room <= 2 * with_room(n); }

}  // namespace

DeviceEdges::DeviceEdges(const Device& device, double cutoff) : tensors_(std::make_unique<Tensors>()) {
  tensors_->device = at::Device(device.name());
  tensors_->cutoff = cutoff;
}

DeviceEdges::~DeviceEdges() = default;

void DeviceEdges::assign(const EdgeCandidates& candidates, const AtomRows& rows) {
  with_plain_errors(tensors_->device, [&] { tensors_->assign(candidates, rows); });
}

void DeviceEdges::update(const double* const* x, const double* corner, const AtomRows& rows) {
  with_plain_errors(tensors_->device, [&] { tensors_->update(x, corner, rows); });
}

DeviceEdges::Tensors::Lists::Lists(const at::Tensor& all, std::int64_t n_pairs, std::int64_t n_rows,
                                   std::int64_t n_places) {
  std::int64_t begin = 0;
  const auto part = [&](std::int64_t size) { return all.narrow(0, (begin += size) - size, size); };
  receivers = part(n_pairs);
  senders = part(n_pairs);
  receiver_places = part(n_pairs);
  sender_places = part(n_pairs);
  pairs_by_sender = part(n_pairs);
  pairs_of_sender = part(n_places);
  pairs_of_receiver = part(n_rows);
  places = part(n_rows);
}

void DeviceEdges::Tensors::make_room(std::int64_t n_candidates, const AtomRows& rows) {
  n_atoms = static_cast<std::int64_t>(rows.row.size());
  const bool same_rows = all_lists.defined() && n_rows == rows.n_owned;
  const std::int64_t taken = first_atom + n_atoms;
  if (same_rows && fits(taken, n_places) && (n_rows == 0 || fits(n_candidates, n_pairs))) return;
  n_rows = rows.n_owned;
  n_pairs = n_rows > 0 ? with_room(n_candidates) : 0;  // nothing may receive where there are no rows
  n_places = with_room(taken);
  all_lists = at::empty({Lists::size(n_pairs, n_rows, n_places)}, at::TensorOptions(device).dtype(at::kLong));
  lists = Lists(all_lists, n_pairs, n_rows, n_places);
  positions = at::zeros({n_places, 3}, at::TensorOptions(device).dtype(at::kDouble));
  groups.clear();
  ++generation;
}

void DeviceEdges::Tensors::assign(const EdgeCandidates& candidates, const AtomRows& rows) {
  const auto& first = candidates.first();
  const auto& sender_atoms = candidates.senders();
  const auto n_candidates = static_cast<std::int64_t>(sender_atoms.size());
  make_room(n_candidates, rows);
  // Nobody writes to this memory before the next list, and results of a step have come back by then.
  const at::Tensor host = list_staging.take(all_lists.sizes(), at::kLong, device);
  const Lists here(host, n_pairs, n_rows, n_places);
  const auto data = [](const at::Tensor& part) { return part.data_ptr<std::int64_t>(); };
  std::int64_t *receivers = data(here.receivers), *senders = data(here.senders),
               *receiver_places = data(here.receiver_places), *sender_places = data(here.sender_places),
               *by_sender = data(here.pairs_by_sender), *of_sender = data(here.pairs_of_sender),
               *of_receiver = data(here.pairs_of_receiver), *places = data(here.places);
  // Equal shares of what stands for nothing, or one row would have to wait for its own.
  const std::int64_t spare = n_pairs - n_candidates;
  std::fill_n(of_sender, n_places, 0);
  std::int64_t k = 0;
  for (std::int64_t r = 0; r < n_rows; ++r) {
    const std::int64_t begin = k;
    places[r] = first_atom + rows.atom[r];
    for (int c = first[r]; c < first[r + 1]; ++c, ++k) {
      senders[k] = rows.row[sender_atoms[c]];
      receiver_places[k] = places[r];
      sender_places[k] = first_atom + sender_atoms[c];
      ++of_sender[sender_places[k]];
    }
    for (std::int64_t share = spare * (r + 1) / n_rows - spare * r / n_rows; share > 0; --share, ++k) {
      senders[k] = r;
      receiver_places[k] = corner;
      sender_places[k] = far_away;
    }
    std::fill(receivers + begin, receivers + k, r);
    of_receiver[r] = k - begin;
  }
  // Counting sort, so that forces on senders are sums over consecutive pairs; what stands for nothing comes
  // behind the last sum.
  std::vector<std::int64_t> next(n_places, 0);
  for (std::int64_t p = first_atom; p < n_places; ++p) next[p] = next[p - 1] + of_sender[p - 1];
  std::int64_t behind = n_candidates;
  for (std::int64_t e = 0; e < n_pairs; ++e)
    by_sender[sender_places[e] == far_away ? behind++ : next[sender_places[e]]++] = e;
  all_lists.copy_(host, /*non_blocking=*/true);
  group_pairs(rows);
}

// The kernels of a device group the pairs once per list, in memory of their own: now, because nobody asks for
// them when a recorded step is run again.
void DeviceEdges::Tensors::group_pairs(const AtomRows& rows) {
  using Result = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
  using Signature = Result(const at::Tensor&, const at::Tensor&, std::int64_t, std::int64_t);
  const auto op = c10::Dispatcher::singleton().findSchema({"hotpp_lr::_tensor_message_groups", ""});
  const auto key = c10::computeDispatchKey(at::kLong, at::kStrided, device);
  if (!op || !op->hasKernelForDispatchKey(key) || n_pairs == 0) return;
  const auto [first, first_of_sender, order] =
      op->typed<Signature>().call(lists.receivers, lists.senders, rows.n_owned, rows.n_total());
  const std::vector<at::Tensor> now{first, first_of_sender, order};
  const bool same = std::equal(now.begin(), now.end(), groups.begin(), groups.end(),
                               [](const auto& a, const auto& b) { return a.data_ptr() == b.data_ptr(); });
  if (!same) ++generation;
  groups = now;
}

void DeviceEdges::Tensors::update(const double* const* x, const double* corner_of_cell,
                                  const AtomRows& rows) {
  if (!species.defined() || species_there != rows.species) {
    const bool same_room = species.defined() && species_there.size() == rows.species.size();
    species_there = rows.species;
    const at::Tensor there = to_device(species_there, {rows.n_total()}, at::kLong, device);
    if (same_room) {
      species.copy_(there);
    } else {
      species = there;
      ++generation;
    }
  }
  const at::Tensor host = staging.take({first_atom + n_atoms, 3}, at::kDouble, device);
  double* values = host.data_ptr<double>();
  for (int a = 0; a < 3; ++a) {
    values[3 * corner + a] = corner_of_cell[a];
    values[3 * far_away + a] = corner_of_cell[a] + (a == 0 ? 2 * cutoff : 0);
  }
  if (n_atoms > 0)
    std::copy_n(&x[0][0], 3 * n_atoms, values + 3 * first_atom);  // LAMMPS's arrays are contiguous
  // Nobody writes to the buffer before the next step, and the forces have come back by then.
  positions.narrow(0, 0, host.size(0)).copy_(host, /*non_blocking=*/true);
}

at::Tensor DeviceEdges::Tensors::vectors() const {
  return positions.index_select(0, lists.sender_places) - positions.index_select(0, lists.receiver_places);
}

at::Tensor DeviceEdges::Tensors::row_positions() const {
  return positions.index_select(0, lists.places) - positions.narrow(0, corner, 1);
}

at::Tensor DeviceEdges::Tensors::forces(const at::Tensor& gradients) const {
  at::Tensor sum =
      segment_sums(gradients.index_select(0, lists.pairs_by_sender), lists.pairs_of_sender).neg_();
  // an atom is named once: the order does not matter
  return sum.index_add_(0, lists.places, segment_sums(gradients, lists.pairs_of_receiver));
}

std::int64_t DeviceEdges::size() const {
  const Tensors& t = *tensors_;
  if (!t.positions.defined()) return 0;
  return (t.vectors().square().sum(1) < t.cutoff * t.cutoff).sum().item<std::int64_t>();
}

void DeviceEdges::copy_to(Edges& edges) const {
  const Tensors& t = *tensors_;
  const auto integers = [](const at::Tensor& tensor, auto& out) {
    const at::Tensor here = tensor.cpu();
    out.assign(here.data_ptr<std::int64_t>(), here.data_ptr<std::int64_t>() + here.numel());
  };
  integers(t.lists.receivers, edges.receivers);
  integers(t.lists.senders, edges.senders);
  std::vector<std::int64_t> places, row_places;
  integers(t.lists.sender_places, places);
  integers(t.lists.places, row_places);
  edges.sender_atoms.resize(places.size());
  for (std::size_t k = 0; k < places.size(); ++k) {
    const std::int64_t place = places[k] == Tensors::far_away ? row_places[edges.receivers[k]] : places[k];
    edges.sender_atoms[k] = static_cast<int>(place - Tensors::first_atom);
  }
  const at::Tensor vectors = t.vectors().cpu();
  edges.vectors.assign(vectors.data_ptr<double>(), vectors.data_ptr<double>() + vectors.numel());
}

}  // namespace hotpp
