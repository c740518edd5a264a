// SPDX-License-Identifier: GPL-2.0-or-later
#include "model.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/script.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace hotpp {

struct Model::Torch {
  torch::jit::Module module;
  at::ScalarType dtype = at::kDouble;
  at::Tensor edge_vectors, energies, charges, dipoles;  // of the last forward pass

  template <class T>
  static at::Tensor view(const std::vector<T>& data, at::IntArrayRef shape, at::ScalarType type) {
    return at::from_blob(const_cast<T*>(data.data()), shape, at::TensorOptions(type));
  }
};

namespace {

// torch's messages end in a stack trace of torch itself, which helps nobody here.
std::string first_line(const std::string& message) {
  const auto start = std::min(message.find_first_not_of(" \n"), message.size());
  return message.substr(start, message.find('\n', start) - start);
}

[[noreturn]] void rethrow(const std::string& what, const c10::Error& error) {
  throw std::runtime_error(what + ": " + error.what_without_backtrace());
}

torch::jit::Module load(const std::string& path, ModelMetadata& metadata) {
  if (!std::ifstream(path))
    throw std::invalid_argument("cannot open model file '" + path +
                                "': give the path of a file written by hotpp-export");
  torch::jit::ExtraFilesMap extra{{"hotpp.json", ""}};
  torch::jit::Module module;
  try {
    module = torch::jit::load(path, c10::Device(at::kCPU), extra);
  } catch (const std::exception& error) {
    throw std::invalid_argument("model file '" + path + "' is damaged or not a TorchScript file (" +
                                first_line(error.what()) + "): write it again with hotpp-export");
  }
  try {
    metadata = parse_metadata(extra["hotpp.json"]);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("model file '" + path + "' " + error.what());
  }
  return module;
}

void copy(const at::Tensor& tensor, std::vector<double>& out) {
  const at::Tensor values = tensor.detach().to(at::kDouble).contiguous();
  out.assign(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
}

}  // namespace

Model::Model(const std::string& path, Precision precision) : torch_(std::make_unique<Torch>()) {
  torch_->module = load(path, metadata_);
  single_precision_ =
      precision == Precision::OfModel ? metadata_.single_precision : precision == Precision::Single;
  torch_->dtype = single_precision_ ? at::kFloat : at::kDouble;
  torch_->module.eval();
  torch_->module.to(torch_->dtype);
  // Only derivatives along the edges are wanted: those of the weights would cost as much again.
  for (auto parameter : torch_->module.parameters()) parameter.set_requires_grad(false);
}

Model::~Model() = default;

int Model::threads() const { return at::get_num_threads(); }

void Model::set_threads(int threads) { at::set_num_threads(threads); }

void Model::forward(const Edges& edges, const std::vector<std::int64_t>& species, std::int64_t n_owned,
                    std::int64_t exchange) {
  Torch& t = *torch_;
  const std::int64_t n_edges = edges.size();
  t.edge_vectors = Torch::view(edges.vectors, {n_edges, 3}, at::kDouble).to(t.dtype);
  t.edge_vectors.set_requires_grad(true);
  // The number of edges changes at every step: executors that specialise on shapes would compile again and
  // again.
  const torch::jit::GraphOptimizerEnabledGuard no_specialisation(false);
  try {
    const auto result =
        t.module
            .forward({t.edge_vectors, Torch::view(edges.receivers, {n_edges}, at::kLong),
                      Torch::view(edges.senders, {n_edges}, at::kLong),
                      Torch::view(species, {static_cast<std::int64_t>(species.size())}, at::kLong), n_owned,
                      exchange})
            .toTuple();
    t.energies = result->elements()[0].toTensor();
    t.charges = result->elements()[1].toTensor();
    t.dipoles = result->elements()[2].toTensor();
  } catch (const c10::Error& error) {
    rethrow("the model failed in its forward pass", error);
  }
  copy(t.energies, energies_);
  copy(t.charges, charges_);
  copy(t.dipoles, dipoles_);
}

const std::vector<double>& Model::backward(const std::vector<double>& by_charge,
                                           const std::vector<double>& by_dipole) {
  Torch& t = *torch_;
  torch::autograd::variable_list outputs, seeds;
  const auto seed = [&](const at::Tensor& output, const at::Tensor& derivative) {
    if (!output.requires_grad()) return;  // a constant of the model, or no atom has a neighbour
    outputs.push_back(output);
    seeds.push_back(derivative.to(output.scalar_type()));
  };
  seed(t.energies, at::ones_like(t.energies));
  if (metadata_.has_charges()) seed(t.charges, Torch::view(by_charge, t.charges.sizes(), at::kDouble));
  if (metadata_.has_dipoles()) seed(t.dipoles, Torch::view(by_dipole, t.dipoles.sizes(), at::kDouble));
  if (outputs.empty()) {
    edge_gradients_.assign(3 * static_cast<std::size_t>(t.edge_vectors.size(0)), 0.0);
    return edge_gradients_;
  }
  try {
    copy(torch::autograd::grad(outputs, {t.edge_vectors}, seeds, /*retain_graph=*/false)[0], edge_gradients_);
  } catch (const c10::Error& error) {
    rethrow("the model failed in its backward pass", error);
  }
  t.energies = t.charges = t.dipoles = at::Tensor();  // frees the graph before the next step needs the memory
  return edge_gradients_;
}

}  // namespace hotpp
