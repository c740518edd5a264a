// SPDX-License-Identifier: GPL-2.0-or-later
#include "network.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/AutogradState.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace hotpp {
namespace {

[[noreturn]] void rethrow(const std::string& what, const c10::Error& error) {
  throw std::runtime_error(what + ": " + error.what_without_backtrace());
}

// The backward pass of a device usually runs on a thread of torch. The ghost exchange within it calls MPI,
// which LAMMPS starts for one thread, so that pass stays on ours.
class OnThisThread {
 public:
  OnThisThread() : before_(state().get_multithreading_enabled()) {
    state().set_multithreading_enabled(false);
  }
  ~OnThisThread() { state().set_multithreading_enabled(before_); }
  OnThisThread(const OnThisThread&) = delete;
  OnThisThread& operator=(const OnThisThread&) = delete;

 private:
  static c10::AutogradState& state() { return c10::AutogradState::get_tls_state(); }
  bool before_;
};

void collect_operators(const torch::jit::Block& block, std::set<std::string>& names) {
  for (const auto* node : block.nodes()) {
    const std::string name = node->kind().toQualString();
    if (name.rfind("hotpp_lr::", 0) == 0) names.insert(name);
    for (const auto* inner : node->blocks()) collect_operators(*inner, names);
  }
}

}  // namespace

void Network::forward(const at::Tensor& vectors, const at::Tensor& receivers, const at::Tensor& senders,
                      const at::Tensor& species, std::int64_t n_owned, std::int64_t exchange) {
  edge_vectors = vectors.detach().to(dtype);  // a leaf of our own: the caller's tensor stays free of graphs
  edge_vectors.set_requires_grad(true);
  // The number of edges changes at every step: executors that specialise on shapes would compile again and
  // again.
  const torch::jit::GraphOptimizerEnabledGuard no_specialisation(false);
  try {
    const auto result =
        module.forward({edge_vectors, receivers, senders, species, n_owned, exchange}).toTuple();
    energies = result->elements()[0].toTensor();
    charges = result->elements()[1].toTensor();
    dipoles = result->elements()[2].toTensor();
  } catch (const c10::Error& error) {
    rethrow("the model failed in its forward pass", error);
  }
}

at::Tensor Network::backward(const at::Tensor& by_charge, const at::Tensor& by_dipole) {
  torch::autograd::variable_list outputs, seeds;
  const auto seed = [&](const at::Tensor& output, const at::Tensor& derivative) {
    if (!output.requires_grad()) return;  // a constant of the model, or no atom has a neighbour
    outputs.push_back(output);
    seeds.push_back(derivative.to(output.scalar_type()));
  };
  seed(energies, at::ones_like(energies));
  if (by_charge.defined()) seed(charges, by_charge);
  if (by_dipole.defined()) seed(dipoles, by_dipole);
  at::Tensor gradients;
  if (outputs.empty()) {
    gradients = at::zeros_like(edge_vectors);
  } else {
    try {
      const OnThisThread guard;
      gradients = torch::autograd::grad(outputs, {edge_vectors}, seeds, /*retain_graph=*/false)[0];
    } catch (const c10::Error& error) {
      rethrow("the model failed in its backward pass", error);
    }
  }
  energies = charges = dipoles = at::Tensor();  // frees the graph before the next step needs the memory
  return gradients.detach();
}

void Network::prepare() {
  module.eval();
  module.to(dtype);
  // Only derivatives along the edges are wanted: those of the weights would cost as much again.
  for (auto parameter : module.parameters()) parameter.set_requires_grad(false);
}

std::string Network::operators_without_kernel(at::Device target) const {
  std::set<std::string> names;
  for (const auto& part : module.modules())
    for (const auto& method : part.get_methods()) collect_operators(*method.graph()->block(), names);
  // An operator that only puts others together has its kernels in its parts: `_tensor_message_sum` belongs to
  // `tensor_message`.
  const auto key = c10::computeDispatchKey(dtype, at::kStrided, target);
  auto& dispatcher = c10::Dispatcher::singleton();
  std::string missing;
  for (const auto& registered : dispatcher.getAllOpNames()) {
    const bool part = registered.name.rfind("hotpp_lr::_", 0) == 0;
    const bool used = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return part ? registered.name.rfind("hotpp_lr::_" + name.substr(10), 0) == 0 : registered.name == name;
    });
    if (!used || dispatcher.findSchema(registered)->hasComputedKernelForDispatchKey(key)) continue;
    missing += (missing.empty() ? "" : ", ") + registered.name;
  }
  return missing;
}

}  // namespace hotpp
