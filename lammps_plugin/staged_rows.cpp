// SPDX-License-Identifier: GPL-2.0-or-later
#include "staged_rows.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace hotpp {

void StagedRows::place_border(at::Device device) {
  if (border_there_.defined()) return;
  const std::vector<std::int64_t> border(remote_.border().begin(), remote_.border().end());
  std::vector<std::int64_t> by_row(border.size()), rows, counts;
  std::iota(by_row.begin(), by_row.end(), std::int64_t{0});
  std::stable_sort(by_row.begin(), by_row.end(),
                   [&](std::int64_t a, std::int64_t b) { return border[a] < border[b]; });
  for (const std::int64_t k : by_row) {
    if (rows.empty() || rows.back() != border[k]) {
      rows.push_back(border[k]);
      counts.push_back(0);
    }
    ++counts.back();
  }
  const auto there = [&](const std::vector<std::int64_t>& values) {
    return to_device(values, {static_cast<std::int64_t>(values.size())}, at::kLong, device);
  };
  by_row_ = there(by_row);
  rows_there_ = there(rows);
  counts_ = there(counts);
  border_there_ = there(border);
}

at::Tensor StagedRows::fill_ghosts(const at::Tensor& owned) {
  const at::Device device = owned.device();
  place_border(device);
  const std::int64_t columns = owned.size(1), n_remote = remote_.n_remote();
  const at::Tensor border = border_.take({n_border(), columns}, owned.scalar_type(), device);
  const at::Tensor others = others_.take({n_remote, columns}, owned.scalar_type(), device);
  border.copy_(owned.index_select(0, border_there_), /*non_blocking=*/true);
  synchronise(device);
  remote_.start_fill(border.data_ptr(), others.data_ptr(), columns * owned.element_size());
  at::Tensor total = at::empty({rows_.n_total(), columns}, owned.options());
  total.narrow(0, 0, rows_.n_owned).copy_(owned);
  remote_.finish();
  // The buffers are next written to after waiting for the device.
  total.narrow(0, rows_.n_owned, n_remote).copy_(others, /*non_blocking=*/true);
  return total;
}

at::Tensor StagedRows::sum_ghosts(const at::Tensor& total) {
  const at::Device device = total.device();
  place_border(device);
  const std::int64_t columns = total.size(1), n_remote = remote_.n_remote();
  const at::Tensor border = border_.take({n_border(), columns}, total.scalar_type(), device);
  const at::Tensor others = others_.take({n_remote, columns}, total.scalar_type(), device);
  others.copy_(total.narrow(0, rows_.n_owned, n_remote), /*non_blocking=*/true);
  synchronise(device);
  remote_.start_return(others.data_ptr(), border.data_ptr(), columns * total.element_size());
  at::Tensor sums = total.narrow(0, 0, rows_.n_owned).clone();
  remote_.finish();
  const at::Tensor arrived = border.to(device, total.scalar_type(), /*non_blocking=*/true, /*copy=*/true);
  // Without atomic operations, in the order of the ranks: a row is named once.
  return sums.index_add_(0, rows_there_, segment_sums(arrived.index_select(0, by_row_), counts_));
}

}  // namespace hotpp
