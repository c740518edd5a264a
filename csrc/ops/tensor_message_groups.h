// SPDX-License-Identifier: GPL-2.0-or-later
//
// Edges of tensor_message grouped by the owner of a sum, and owners shared out among threads.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace hotpp::ops {

struct EdgeGroups {
  std::vector<std::int64_t> first;  // [n_owners + 1] position of each owner's first edge
  std::vector<std::int64_t> order;  // [n_edges] edge at each position; empty: positions are edges
};

// Edges that are in the order of their owners already.
inline EdgeGroups group_ascending(const std::int64_t* owner, std::int64_t n_edges, std::int64_t n_owners) {
  EdgeGroups groups;
  groups.first.resize(n_owners + 1);
  std::int64_t e = 0;
  for (std::int64_t i = 0; i <= n_owners; ++i) {
    while (e < n_edges && owner[e] < i) ++e;
    groups.first[i] = e;
  }
  return groups;
}

// owner_of(e) -> [0, n_owners); the edges of an owner stay in order, so that sums do not depend on anything
// else.
template <class Owner>
EdgeGroups group_edges(const Owner& owner_of, std::int64_t n_edges, std::int64_t n_owners) {
  EdgeGroups groups;
  groups.first.assign(n_owners + 1, 0);
  groups.order.resize(n_edges);
  for (std::int64_t e = 0; e < n_edges; ++e) ++groups.first[owner_of(e) + 1];
  for (std::int64_t j = 0; j < n_owners; ++j) groups.first[j + 1] += groups.first[j];
  std::vector<std::int64_t> next(groups.first.begin(), groups.first.end() - 1);
  for (std::int64_t e = 0; e < n_edges; ++e) groups.order[next[owner_of(e)]++] = e;
  return groups;
}

// Shares the owners, those without edges as well, among torch's threads so that each gets about as many
// edges: f(first, last).
template <class F>
void parallel_over_owners(const EdgeGroups& groups, const F& f) {
  constexpr std::int64_t kEdgesWorthAThread = 256;
  const auto& first = groups.first;
  const auto owner_at = [&](std::int64_t edge) {
    const auto owners = first.end() - 1;
    return (edge == first.back() ? owners : std::lower_bound(first.begin(), owners, edge)) - first.begin();
  };
  at::parallel_for(0, first.back(), kEdgesWorthAThread,
                   [&](std::int64_t begin, std::int64_t end) { f(owner_at(begin), owner_at(end)); });
}

}  // namespace hotpp::ops
