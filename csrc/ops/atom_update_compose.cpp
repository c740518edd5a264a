// SPDX-License-Identifier: GPL-2.0-or-later
//
// atom_update as a composition of torch operations: the path of third derivatives, and of training on CUDA.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <vector>

#include "ops/atom_update.h"

namespace hotpp::ops {
namespace {

using at::Tensor;
using variable_list = std::vector<Tensor>;

// Products of vectors [n, 3, C] and symmetric tensors [n, 6, C] (xx yy zz yz xz xy), as in model/tensors.py.
Tensor squared_norm(const Tensor& t) {
  return t.narrow(1, 0, 3).square().sum(1) + 2 * t.narrow(1, 3, 3).square().sum(1);
}

Tensor symmetric_times_vector(const Tensor& t, const Tensor& v) {
  const auto c = t.unbind(1);
  const auto u = v.unbind(1);
  return at::stack({c[0] * u[0] + c[5] * u[1] + c[4] * u[2], c[5] * u[0] + c[1] * u[1] + c[3] * u[2],
                    c[4] * u[0] + c[3] * u[1] + c[2] * u[2]},
                   1);
}

Tensor outer_square(const Tensor& v) {
  const auto u = v.unbind(1);
  return at::stack({u[0] * u[0], u[1] * u[1], u[2] * u[2], u[1] * u[2], u[0] * u[2], u[0] * u[1]}, 1);
}

// The matrices and rows of a layer by their offset.
struct Layer {
  const Tensor& weights;
  std::int64_t channels;

  Tensor matrix(std::int64_t offset) const {
    const std::int64_t row = padded_channels(channels);
    return weights.narrow(0, offset, channels * row).view({channels, row}).narrow(1, 0, channels);
  }
  Tensor row(std::int64_t offset) const { return weights.narrow(0, offset, channels); }

  // Several inputs side by side [.., C] times the matrices from `offset` on.
  Tensor linear(const std::vector<Tensor>& inputs, std::int64_t offset) const {
    std::vector<Tensor> matrices;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      matrices.push_back(
          matrix(offset + static_cast<std::int64_t>(k) * channels * padded_channels(channels)));
    }
    return inputs.size() == 1 ? at::matmul(inputs[0], matrices[0])
                              : at::matmul(at::cat(inputs, -1), at::cat(matrices, 0));
  }

  // Channel mixing, one matrix per rank.
  Tensor mix(const Tensor& h, std::int64_t offset) const {
    const std::int64_t step = channels * padded_channels(channels);
    std::vector<Tensor> parts{at::matmul(h.narrow(1, 0, 1), matrix(offset))};
    if (h.size(1) >= 4) parts.push_back(at::matmul(h.narrow(1, 1, 3), matrix(offset + step)));
    if (h.size(1) >= 10) parts.push_back(at::matmul(h.narrow(1, 4, 6), matrix(offset + 2 * step)));
    return at::cat(parts, 1);
  }

  // Linear, SiLU, linear to one number.
  Tensor perceptron(const Tensor& scalars, std::int64_t first, std::int64_t bias, std::int64_t out) const {
    return at::matmul(at::silu(linear({scalars}, first) + row(bias)), row(out));
  }
};

}  // namespace

UpdateOutputs compose_update(const UpdateInputs& x, const UpdateKind& kind) {
  const std::int64_t channels = kind.channels;
  const UpdateWeights w = update_weights(kind);
  const Layer layer{x.weights, channels};
  const Tensor element = x.elements.index_select(0, x.species);
  const Tensor m = layer.mix(x.messages, w.mix) * element.narrow(1, 0, channels).unsqueeze(1);
  const Tensor s = m.select(1, 0);
  Tensor v, t;
  if (kind.rank >= 1) v = m.narrow(1, 1, 3);
  if (kind.rank >= 2) t = m.narrow(1, 4, 6);

  std::vector<Tensor> scalars{s};
  if (kind.rank >= 1) scalars.push_back(v.square().sum(1));
  if (kind.rank >= 2) scalars.push_back(squared_norm(t));
  const Tensor activation = layer.linear(scalars, w.scalar) + layer.row(w.scalar_bias);
  const Tensor new_scalars = at::silu(activation) + x.features.select(1, 0);

  const Tensor none = at::empty({0}, x.messages.options());
  UpdateOutputs out{none, none, none, none, none};
  Tensor new_vectors;
  if (kind.has_vectors()) {
    const Tensor gate =
        at::sigmoid(layer.linear({activation}, w.vector_gate) + layer.row(w.vector_gate_bias));
    std::vector<Tensor> products{v};
    if (kind.many_body) {
      products.push_back(s.unsqueeze(1) * v);
      if (kind.rank >= 2) products.push_back(symmetric_times_vector(t, v));
    }
    new_vectors = layer.linear(products, w.vector) * gate.unsqueeze(1);
    if (x.features.size(1) > 1) new_vectors = new_vectors + x.features.narrow(1, 1, 3);
  }
  if (!kind.last) {
    std::vector<Tensor> parts{new_scalars.unsqueeze(1)};
    if (kind.has_vectors()) parts.push_back(new_vectors);
    if (kind.has_tensors()) {
      const Tensor gate =
          at::sigmoid(layer.linear({activation}, w.tensor_gate) + layer.row(w.tensor_gate_bias));
      std::vector<Tensor> products{t};
      if (kind.many_body) {
        products.push_back(s.unsqueeze(1) * t);
        products.push_back(outer_square(v));
      }
      Tensor new_tensors = layer.linear(products, w.tensor) * gate.unsqueeze(1);
      if (x.features.size(1) > 1) new_tensors = new_tensors + x.features.narrow(1, 4, 6);
      parts.push_back(new_tensors);
    }
    out.features = at::cat(parts, 1);
    out.sent = layer.mix(out.features, w.next_mix);
  }

  out.energies =
      element.select(1, channels) + layer.perceptron(new_scalars, w.energy, w.energy_bias, w.energy_out);
  if (kind.charges) {
    out.charges = element.select(1, channels + 1) +
                  layer.perceptron(new_scalars, w.charge, w.charge_bias, w.charge_out);
  }
  if (kind.dipoles) {
    const Tensor hidden = at::silu(layer.linear({new_scalars}, w.dipole) + layer.row(w.dipole_bias));
    const Tensor gate = at::sigmoid(layer.linear({hidden}, w.dipole_gate) + layer.row(w.dipole_gate_bias));
    out.dipoles = at::matmul(new_vectors * gate.unsqueeze(1), layer.row(w.dipole_out));
  }
  return out;
}

variable_list wanted_of(const UpdateGradients& gradient, const UpdateWanted& wanted) {
  variable_list list;
  if (wanted.messages) list.push_back(gradient.messages);
  if (wanted.features) list.push_back(gradient.features);
  if (wanted.elements) list.push_back(gradient.elements);
  if (wanted.weights) list.push_back(gradient.weights);
  return list;
}

variable_list composed_second_gradients(const UpdateInputs& given, const UpdateOutputs& by_given,
                                        const UpdateKind& kind, const UpdateWanted& wanted,
                                        const variable_list& seeds) {
  const bool third = at::GradMode::is_enabled();
  const at::AutoGradMode enable(true);
  const auto variable = [&](const Tensor& t) { return third ? t : t.detach().requires_grad_(); };
  const UpdateInputs x{variable(given.messages), variable(given.features), given.species,
                       variable(given.elements), variable(given.weights)};
  const auto as_list = [](const UpdateOutputs& out) {
    return variable_list{out.features, out.sent, out.energies, out.charges, out.dipoles};
  };
  const variable_list by = as_list(by_given);
  variable_list results, by_results, by_variables;
  const variable_list all = as_list(compose_update(x, kind));
  for (std::size_t k = 0; k < all.size(); ++k) {
    by_variables.push_back(variable(by[k]));
    if (by[k].numel() == 0 || !all[k].requires_grad()) continue;
    results.push_back(all[k]);
    by_results.push_back(by_variables.back());
  }
  const variable_list inputs = wanted_of({x.messages, x.features, x.elements, x.weights}, wanted);
  const variable_list first = torch::autograd::grad(results, inputs, by_results, /*retain_graph=*/true,
                                                    /*create_graph=*/true, /*allow_unused=*/true);
  variable_list gradients, directions;
  for (std::size_t k = 0; k < first.size(); ++k) {
    if (!first[k].defined() || !first[k].requires_grad() || !seeds[k].defined()) continue;
    gradients.push_back(first[k]);
    directions.push_back(seeds[k]);
  }
  variable_list outputs(9), targets{x.messages, x.features, x.elements, x.weights};
  targets.insert(targets.end(), by_variables.begin(), by_variables.end());
  variable_list asked;
  std::vector<std::size_t> places;
  for (std::size_t k = 0; k < targets.size(); ++k) {
    if (targets[k].numel() == 0 || !targets[k].requires_grad()) continue;
    asked.push_back(targets[k]);
    places.push_back(k);
  }
  if (gradients.empty() || asked.empty()) return outputs;
  const variable_list second = torch::autograd::grad(gradients, asked, directions, /*retain_graph=*/true,
                                                     /*create_graph=*/third, /*allow_unused=*/true);
  for (std::size_t k = 0; k < second.size(); ++k) outputs[places[k]] = second[k];
  return outputs;
}

}  // namespace hotpp::ops
