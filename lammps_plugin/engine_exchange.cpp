// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine_exchange.h"

#include <ATen/ATen.h>

#include <cstring>
#include <memory>

#include "ops/ghost_exchange.h"
#include "staged_rows.h"

namespace hotpp {
namespace {

// Also where a tensor without rows has no elements to count.
std::int64_t columns(const at::Tensor& tensor) {
  std::int64_t product = 1;
  for (std::int64_t axis = 1; axis < tensor.dim(); ++axis) product *= tensor.size(axis);
  return product;
}

void check_type(const at::Tensor& tensor) {
  TORCH_CHECK(tensor.scalar_type() == at::kDouble || tensor.scalar_type() == at::kFloat,
              "ghost_exchange: got features of type ", tensor.scalar_type(),
              ", expected float32 or float64.");
}

// Rows of `arrived` to those of `sums` that they are named after, one after the other: ascending in the rank.
template <class Real>
void add_rows(const std::vector<int>& rows, const Real* arrived, std::int64_t columns, Real* sums) {
  for (const int row : rows) {
    Real* const sum = sums + row * columns;
    for (std::int64_t c = 0; c < columns; ++c) sum[c] += arrived[c];
    arrived += columns;
  }
}

}  // namespace

// Only ranks that need each other's rows wait for each other; a rank without atoms has nothing to do.
class RankExchange : public GhostExchange {
 public:
  RankExchange(MPI_Comm world, const AtomRows& rows, Profile& profile)
      : rows_(rows), profile_(profile), remote_(world), staged_(rows, remote_) {}
  std::int64_t n_owned() const override { return rows_.n_owned; }
  std::int64_t n_total() const override { return rows_.n_owned + remote_.n_remote(); }
  at::Tensor forward(const at::Tensor& owned) override;
  at::Tensor backward(const at::Tensor& total) override;

  void rows_changed(const std::vector<pme::RowOwner>& owners) {
    remote_.request(owners);
    staged_.rows_changed();
  }
  void select(const std::vector<char>& needed) {
    const Profile::Timer timer(profile_, Profile::Ghosts);
    remote_.select(needed);
  }
  pme::Messages take_sent() {
    const pme::Messages sent = remote_.sent();
    remote_.forget_sent();
    return sent;
  }

 private:
  char* border_buffer(std::size_t row_bytes) {
    buffer_.resize(remote_.border().size() * row_bytes);
    return buffer_.data();
  }

  const AtomRows& rows_;
  Profile& profile_;
  pme::RemoteRows remote_;
  StagedRows staged_;         // for tensors of a device
  std::vector<char> buffer_;  // [n_border] rows, for those of the host
};

at::Tensor RankExchange::forward(const at::Tensor& given) {
  const Profile::Timer timer(profile_, Profile::Ghosts);
  check_type(given);
  auto shape = given.sizes().vec();
  shape[0] = n_total();
  if (!given.is_cpu()) return staged_.fill_ghosts(given.reshape({n_owned(), columns(given)})).view(shape);
  const at::Tensor owned = given.contiguous();
  at::Tensor total = at::empty(shape, owned.options());
  const std::size_t row_bytes = columns(owned) * owned.element_size();
  const auto* from = static_cast<const char*>(owned.data_ptr());
  char* to = border_buffer(row_bytes);
  for (const int row : remote_.border()) {
    std::memcpy(to, from + row * row_bytes, row_bytes);
    to += row_bytes;
  }
  remote_.start_fill(buffer_.data(), static_cast<char*>(total.data_ptr()) + n_owned() * row_bytes, row_bytes);
  total.narrow(0, 0, n_owned()).copy_(owned);  // while the others are on their way
  remote_.finish();
  return total;
}

at::Tensor RankExchange::backward(const at::Tensor& given) {
  const Profile::Timer timer(profile_, Profile::Ghosts);
  check_type(given);
  if (!given.is_cpu()) {
    auto shape = given.sizes().vec();
    shape[0] = n_owned();
    return staged_.sum_ghosts(given.reshape({n_total(), columns(given)})).view(shape);
  }
  const at::Tensor total = given.contiguous();
  const std::int64_t width = columns(total);
  const std::size_t row_bytes = width * total.element_size();
  char* const arrived = border_buffer(row_bytes);
  remote_.start_return(static_cast<const char*>(total.data_ptr()) + n_owned() * row_bytes, arrived,
                       row_bytes);
  at::Tensor sums = total.narrow(0, 0, n_owned()).clone();
  remote_.finish();
  if (sums.scalar_type() == at::kFloat) {
    add_rows(remote_.border(), reinterpret_cast<const float*>(arrived), width, sums.data_ptr<float>());
  } else {
    add_rows(remote_.border(), reinterpret_cast<const double*>(arrived), width, sums.data_ptr<double>());
  }
  return sums;
}

EngineExchange::EngineExchange(MPI_Comm world, const AtomRows& rows, Profile& profile)
    : exchange_(std::make_shared<RankExchange>(world, rows, profile)),
      handle_(register_exchange(exchange_)) {}

EngineExchange::~EngineExchange() { release_exchange(handle_); }

void EngineExchange::rows_changed(const std::vector<pme::RowOwner>& remote) {
  exchange_->rows_changed(remote);
}

void EngineExchange::select(const std::vector<char>& needed) { exchange_->select(needed); }

pme::Messages EngineExchange::take_sent() { return exchange_->take_sent(); }

}  // namespace hotpp
