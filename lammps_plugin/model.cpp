// SPDX-License-Identifier: GPL-2.0-or-later
#include "model.h"

#include <ATen/Parallel.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "network.h"

namespace hotpp {
namespace {

// torch's messages end in advice on its own files and a stack trace of torch itself, which help nobody here.
std::string first_sentence(const std::string& message) {
  const auto start = std::min(message.find_first_not_of(" \n"), message.size());
  const auto line = message.substr(start, message.find('\n', start) - start);
  return line.substr(0, line.find(". "));
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
                                first_sentence(error.what()) + "): write it again with hotpp-export");
  }
  try {
    metadata = parse_metadata(extra["hotpp.json"]);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("model file '" + path + "' " + error.what());
  }
  return module;
}

template <class T>
at::Tensor view(const std::vector<T>& data, at::IntArrayRef shape, at::ScalarType type, at::Device device) {
  return at::from_blob(const_cast<T*>(data.data()), shape, at::TensorOptions(type)).to(device);
}

void copy(const at::Tensor& tensor, std::vector<double>& out) {
  const at::Tensor values = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  out.assign(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
}

}  // namespace

Model::Model(const std::string& path, Precision precision)
    : path_(path), network_(std::make_unique<Network>()) {
  network_->module = load(path, metadata_);
  single_precision_ =
      precision == Precision::OfModel ? metadata_.single_precision : precision == Precision::Single;
  network_->dtype = single_precision_ ? at::kFloat : at::kDouble;
  network_->prepare();
}

Model::~Model() = default;

int Model::threads() const { return at::get_num_threads(); }

void Model::set_threads(int threads) { at::set_num_threads(threads); }

std::string Model::problem_on(const Device& device) const {
  const auto missing = network_->operators_without_kernel(at::Device(device.name()));
  return missing.empty()
             ? ""
             : "the compiled operators of this installation have no kernel for it (" + missing + ")";
}

void Model::move_to(const Device& device) {
  if (device.is_host()) return;
  network_->device = at::Device(device.name());
  try {
    // From the file: what a module holds besides parameters and buffers does not move with it.
    network_->module = torch::jit::load(path_, network_->device);
    network_->prepare();
  } catch (const std::exception& error) {
    throw std::runtime_error("cannot place model '" + path_ + "' on " + device.name() + " (" +
                             first_sentence(error.what()) + "): use another device, or 'device cpu'");
  }
}

void Model::forward(const Edges& edges, const std::vector<std::int64_t>& species, std::int64_t n_owned,
                    std::int64_t exchange) {
  const std::int64_t n_edges = edges.size();
  const auto n_total = static_cast<std::int64_t>(species.size());
  const at::Device device = network_->device;
  network_->forward(view(edges.vectors, {n_edges, 3}, at::kDouble, device),
                    view(edges.receivers, {n_edges}, at::kLong, device),
                    view(edges.senders, {n_edges}, at::kLong, device),
                    view(species, {n_total}, at::kLong, device), n_owned, exchange);
  copy(network_->energies, energies_);
  copy(network_->charges, charges_);
  copy(network_->dipoles, dipoles_);
}

const std::vector<double>& Model::backward(const std::vector<double>& by_charge,
                                           const std::vector<double>& by_dipole) {
  at::Tensor charge_seed, dipole_seed;
  if (metadata_.has_charges())
    charge_seed = view(by_charge, network_->charges.sizes(), at::kDouble, network_->device);
  if (metadata_.has_dipoles())
    dipole_seed = view(by_dipole, network_->dipoles.sizes(), at::kDouble, network_->device);
  copy(network_->backward(charge_seed, dipole_seed), edge_gradients_);
  return edge_gradients_;
}

}  // namespace hotpp
