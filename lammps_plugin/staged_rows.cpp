// SPDX-License-Identifier: GPL-2.0-or-later
#include "staged_rows.h"

#include <cstddef>
#include <numeric>
#include <utility>

namespace hotpp {

void StagedRows::place_rows(at::Device device) {
  place_.assign(rows_.row.size(), -1);
  std::vector<int> place_of_owned(rows_.n_owned, -1);
  for (std::size_t k = 0; k < border_.size(); ++k) place_of_owned[border_[k]] = static_cast<int>(k);
  for (std::size_t i = 0; i < place_.size(); ++i) {
    const int row = rows_.row[i];
    if (row < 0) continue;
    place_[i] =
        row < rows_.n_owned ? place_of_owned[row] : static_cast<int>(n_border() + row - rows_.n_owned);
  }
  border_there_ = to_device(border_, {n_border()}, at::kLong, device);
}

// From the atoms that the last exchange forward has asked for.
void StagedRows::learn_border() {
  border_.clear();
  for (std::int64_t r = 0; r < rows_.n_owned; ++r)
    if (transport_.was_packed(rows_.atom[r])) border_.push_back(r);
  border_is_known_ = true;
}

at::Tensor StagedRows::fill_ghosts(const at::Tensor& owned) {
  const bool learning = !border_is_known_;
  if (learning) {
    border_.resize(rows_.n_owned);
    std::iota(border_.begin(), border_.end(), std::int64_t{0});
    place_rows(owned.device());
    transport_.watch_packing(rows_.row.size());
  }
  const std::int64_t columns = owned.size(1);
  const at::Tensor host =
      buffer_.take({n_border() + n_ghosts(), columns}, owned.scalar_type(), owned.device());
  host.narrow(0, 0, n_border()).copy_(owned.index_select(0, border_there_), /*non_blocking=*/true);
  synchronise(owned.device());
  if (host.scalar_type() == at::kFloat) {
    transport_.fill_ghosts(place_, host.data_ptr<float>(), columns);
  } else {
    transport_.fill_ghosts(place_, host.data_ptr<double>(), columns);
  }
  at::Tensor total = at::empty({rows_.n_total(), columns}, owned.options());
  total.narrow(0, 0, rows_.n_owned).copy_(owned);
  // The buffer is next written to by a copy on the same stream, or after waiting for one.
  total.narrow(0, rows_.n_owned, n_ghosts()).copy_(host.narrow(0, n_border(), n_ghosts()), true);
  if (learning) {
    synchronise(owned.device());  // the next exchange has other places in the buffer
    learn_border();
    place_rows(owned.device());
  }
  return total;
}

at::Tensor StagedRows::sum_ghosts(const at::Tensor& total) {
  TORCH_CHECK(border_is_known_, "ghost_exchange: a backward pass before any forward pass.");
  const std::int64_t columns = total.size(1);
  const at::Tensor host =
      buffer_.take({n_border() + n_ghosts(), columns}, total.scalar_type(), total.device());
  host.narrow(0, n_border(), n_ghosts()).copy_(total.narrow(0, rows_.n_owned, n_ghosts()), true);
  synchronise(total.device());
  host.narrow(0, 0, n_border()).zero_();
  if (host.scalar_type() == at::kFloat) {
    transport_.sum_ghosts(place_, host.data_ptr<float>(), columns);
  } else {
    transport_.sum_ghosts(place_, host.data_ptr<double>(), columns);
  }
  // What is left in the ghost rows belongs to their owners now.
  at::Tensor sums = total.narrow(0, 0, rows_.n_owned).clone();
  const at::Tensor arrived =
      host.narrow(0, 0, n_border()).to(total.device(), total.scalar_type(), true, true);
  return sums.index_add_(0, border_there_, arrived);  // a row is named once: the order does not matter
}

}  // namespace hotpp
