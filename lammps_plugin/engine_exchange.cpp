// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine_exchange.h"

#include <ATen/ATen.h>

#include <memory>

#include "ops/ghost_exchange.h"
#include "staged_rows.h"

namespace hotpp {
namespace {

// LAMMPS counts columns alike on all ranks, also where a tensor without rows has no elements to count.
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

}  // namespace

// Every rank takes part in every call, also one without atoms.
class LammpsExchange : public GhostExchange {
 public:
  LammpsExchange(const AtomRows& rows, GhostTransport& transport)
      : rows_(rows), transport_(transport), staged_(rows, transport) {}
  std::int64_t n_owned() const override { return rows_.n_owned; }
  std::int64_t n_total() const override { return rows_.n_total(); }
  at::Tensor forward(const at::Tensor& owned) override;
  at::Tensor backward(const at::Tensor& total) override;
  void rows_changed() { staged_.rows_changed(); }

 private:
  const AtomRows& rows_;
  GhostTransport& transport_;
  StagedRows staged_;  // for tensors of a device; those of the host need no second place
};

at::Tensor LammpsExchange::forward(const at::Tensor& owned) {
  check_type(owned);
  auto shape = owned.sizes().vec();
  shape[0] = n_total();
  if (!owned.is_cpu()) return staged_.fill_ghosts(owned.reshape({n_owned(), columns(owned)})).view(shape);
  at::Tensor total = at::empty(shape, owned.options());
  total.narrow(0, 0, n_owned()).copy_(owned);
  if (total.scalar_type() == at::kFloat) {
    transport_.fill_ghosts(rows_.row, total.data_ptr<float>(), columns(total));
  } else {
    transport_.fill_ghosts(rows_.row, total.data_ptr<double>(), columns(total));
  }
  return total;
}

at::Tensor LammpsExchange::backward(const at::Tensor& total) {
  check_type(total);
  if (!total.is_cpu()) {
    auto shape = total.sizes().vec();
    shape[0] = n_owned();
    return staged_.sum_ghosts(total.reshape({n_total(), columns(total)})).view(shape);
  }
  // A copy of our own: the sums are made in place.
  at::Tensor sums = at::empty(total.sizes(), total.options());
  sums.copy_(total);
  if (sums.scalar_type() == at::kFloat) {
    transport_.sum_ghosts(rows_.row, sums.data_ptr<float>(), columns(sums));
  } else {
    transport_.sum_ghosts(rows_.row, sums.data_ptr<double>(), columns(sums));
  }
  // What is left in the ghost rows belongs to their owners now.
  return sums.narrow(0, 0, n_owned()).clone();
}

EngineExchange::EngineExchange(const AtomRows& rows, GhostTransport& transport)
    : exchange_(std::make_shared<LammpsExchange>(rows, transport)), handle_(register_exchange(exchange_)) {}

EngineExchange::~EngineExchange() { release_exchange(handle_); }

void EngineExchange::rows_changed() { exchange_->rows_changed(); }

}  // namespace hotpp
