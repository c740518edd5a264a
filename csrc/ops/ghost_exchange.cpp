// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/ghost_exchange.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <map>
#include <mutex>
#include <utility>

namespace hotpp {
namespace {

std::mutex registry_mutex;
std::map<std::int64_t, std::shared_ptr<GhostExchange>> registry;

std::shared_ptr<GhostExchange> find_exchange(std::int64_t handle) {
  const std::lock_guard<std::mutex> lock(registry_mutex);
  const auto found = registry.find(handle);
  TORCH_CHECK(found != registry.end(), "ghost_exchange: ", handle,
              " is not the handle of a registered exchange; give 0 when all senders are owned atoms.");
  return found->second;
}

void check_rows(const char* what, std::int64_t given, std::int64_t expected) {
  TORCH_CHECK(given == expected, "ghost_exchange: got ", given, " rows of ", what, " atoms, expected ",
              expected, "; register the exchange again whenever the number of atoms changes.");
}

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// The map is linear, so it is the derivative of its adjoint and the other way round, at every order.
struct FillGhosts : public Function<FillGhosts> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& owned, std::int64_t handle) {
    context->saved_data["handle"] = handle;
    const auto exchange = find_exchange(handle);
    check_rows("owned", owned.size(0), exchange->n_owned());
    return exchange->forward(owned);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients);
};

struct SumGhosts : public Function<SumGhosts> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& total, std::int64_t handle) {
    context->saved_data["handle"] = handle;
    const auto exchange = find_exchange(handle);
    check_rows("owned and ghost", total.size(0), exchange->n_total());
    return exchange->backward(total);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    return {FillGhosts::apply(gradients[0], context->saved_data["handle"].toInt()), at::Tensor()};
  }
};

variable_list FillGhosts::backward(AutogradContext* context, const variable_list& gradients) {
  return {SumGhosts::apply(gradients[0], context->saved_data["handle"].toInt()), at::Tensor()};
}

at::Tensor ghost_exchange(const at::Tensor& owned, std::int64_t exchange) {
  return exchange == 0 ? owned : FillGhosts::apply(owned, exchange);
}

std::int64_t register_index_exchange(const at::Tensor& owners, std::int64_t n_owned) {
  return register_exchange(std::make_shared<IndexExchange>(owners, n_owned));
}

}  // namespace

IndexExchange::IndexExchange(at::Tensor owners, std::int64_t n_owned)
    : owners_(std::move(owners)), n_owned_(n_owned) {}

at::Tensor IndexExchange::forward(const at::Tensor& owned) { return owned.index_select(0, owners_); }

at::Tensor IndexExchange::backward(const at::Tensor& total) {
  auto shape = total.sizes().vec();
  shape[0] = n_owned_;
  return at::zeros(shape, total.options()).index_add_(0, owners_, total);
}

std::int64_t register_exchange(std::shared_ptr<GhostExchange> exchange) {
  const std::lock_guard<std::mutex> lock(registry_mutex);
  const std::int64_t handle = registry.empty() ? 1 : registry.rbegin()->first + 1;
  registry.emplace(handle, std::move(exchange));
  return handle;
}

void release_exchange(std::int64_t handle) {
  const std::lock_guard<std::mutex> lock(registry_mutex);
  registry.erase(handle);
}

}  // namespace hotpp

TORCH_LIBRARY_FRAGMENT(hotpp_lr, m) {
  // The result is the argument itself when there is nothing to exchange, hence the alias annotation.
  m.def("ghost_exchange(Tensor(a) owned, int exchange) -> Tensor(a)", &hotpp::ghost_exchange);
  m.def("register_index_exchange(Tensor owners, int n_owned) -> int", &hotpp::register_index_exchange);
  m.def("release_exchange(int exchange) -> ()", &hotpp::release_exchange);
}
