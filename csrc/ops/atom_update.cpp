// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operator hotpp_lr::atom_update and its place in autograd.
#include "ops/atom_update.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/atom_update_cpu.h"

namespace hotpp::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;
using Outputs = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;

Outputs as_tuple(const UpdateOutputs& out) {
  return {out.features, out.sent, out.energies, out.charges, out.dipoles};
}

// A function of UpdateKind on its way from forward to backward.
void save(AutogradContext* ctx, const UpdateKind& kind) {
  ctx->saved_data["many_body"] = kind.many_body;
  ctx->saved_data["last"] = kind.last;
  ctx->saved_data["charges"] = kind.charges;
  ctx->saved_data["dipoles"] = kind.dipoles;
}
UpdateKind load_kind(AutogradContext* ctx, const UpdateInputs& x) {
  auto& data = ctx->saved_data;
  return describe_update(x, data["many_body"].toBool(), data["last"].toBool(), data["charges"].toBool(),
                         data["dipoles"].toBool());
}

variable_list as_list(const UpdateOutputs& out) {
  return {out.features, out.sent, out.energies, out.charges, out.dipoles};
}
UpdateOutputs as_outputs(const variable_list& list, std::size_t first = 0) {
  return {list[first], list[first + 1], list[first + 2], list[first + 3], list[first + 4]};
}

// The wanted ones of the gradients by messages, features, elements and weights, in this order.
variable_list wanted_of(const UpdateGradients& gradient, const UpdateWanted& wanted) {
  variable_list list;
  if (wanted.messages) list.push_back(gradient.messages);
  if (wanted.features) list.push_back(gradient.features);
  if (wanted.elements) list.push_back(gradient.elements);
  if (wanted.weights) list.push_back(gradient.weights);
  return list;
}
UpdateGradients from_wanted(const variable_list& list, const UpdateWanted& wanted) {
  UpdateGradients gradient;
  auto next = list.begin();
  if (wanted.messages) gradient.messages = *next++;
  if (wanted.features) gradient.features = *next++;
  if (wanted.elements) gradient.elements = *next++;
  if (wanted.weights) gradient.weights = *next++;
  return gradient;
}

// Second derivatives by the composed operator: for derivatives of gradients by the weights, and for third
// ones.
variable_list composed_second_gradients(const UpdateInputs& given, const UpdateOutputs& by_given,
                                        const UpdateKind& kind, const UpdateWanted& wanted,
                                        const variable_list& seeds) {
  const bool third = at::GradMode::is_enabled();
  const at::AutoGradMode enable(true);
  const auto variable = [&](const Tensor& t) { return third ? t : t.detach().requires_grad_(); };
  const UpdateInputs x{variable(given.messages), variable(given.features), given.species,
                       variable(given.elements), variable(given.weights)};
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

UpdateGradients update_gradients(const UpdateInputs& x, const UpdateKind& kind, const Tensor& kept,
                                 const Tensor& new_features, const UpdateOutputs& by_results,
                                 const UpdateWanted& wanted) {
  return wanted.elements || wanted.weights
             ? fused_training_gradients(x, kind, by_results, wanted)
             : fused_update_gradients(x, kind, kept, new_features, by_results, wanted);
}

// The gradients as a function that can be differentiated itself.
struct UpdateGradient : Function<UpdateGradient> {
  static variable_list forward(AutogradContext* ctx, const Tensor& messages, const Tensor& features,
                               const Tensor& elements, const Tensor& weights, const Tensor& by_features,
                               const Tensor& by_sent, const Tensor& by_energies, const Tensor& by_charges,
                               const Tensor& by_dipoles, const Tensor& species, const Tensor& kept,
                               const Tensor& new_features, const UpdateKind& kind,
                               const UpdateWanted& wanted) {
    const UpdateInputs x{messages, features, species, elements, weights};
    ctx->save_for_backward({messages, features, elements, weights, by_features, by_sent, by_energies,
                            by_charges, by_dipoles, species});
    save(ctx, kind);
    auto& data = ctx->saved_data;
    data["messages"] = wanted.messages;
    data["features"] = wanted.features;
    data["elements"] = wanted.elements;
    data["weights"] = wanted.weights;
    ctx->set_materialize_grads(false);
    return wanted_of(update_gradients(x, kind, kept, new_features,
                                      {by_features, by_sent, by_energies, by_charges, by_dipoles}, wanted),
                     wanted);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const UpdateInputs x{saved[0], saved[1], saved[9], saved[2], saved[3]};
    const UpdateOutputs by_results = as_outputs(saved, 4);
    const UpdateKind kind = load_kind(ctx, x);
    auto& data = ctx->saved_data;
    const UpdateWanted were{data["messages"].toBool(), data["features"].toBool(), data["elements"].toBool(),
                            data["weights"].toBool()};
    UpdateGradients tangent = from_wanted(seeds, were);
    variable_list outputs;
    if (at::GradMode::is_enabled() || tangent.elements.defined() || tangent.weights.defined()) {
      outputs = composed_second_gradients(x, by_results, kind, were, seeds);
    } else {
      if (tangent.messages.defined()) tangent.messages = tangent.messages.contiguous();
      if (tangent.features.defined()) tangent.features = tangent.features.contiguous();
      const UpdateWanted wanted{ctx->needs_input_grad(0), ctx->needs_input_grad(1), ctx->needs_input_grad(2),
                                ctx->needs_input_grad(3)};
      UpdateOutputs by_seeds;
      const UpdateGradients gradient =
          fused_second_gradients(x, kind, by_results, tangent, wanted, &by_seeds);
      outputs = {gradient.messages, gradient.features, gradient.elements, gradient.weights};
      for (const Tensor& t : as_list(by_seeds)) outputs.push_back(t);
      for (int k = 4; k < 9; ++k) {
        if (saved[k].numel() == 0) outputs[k] = Tensor();
      }
    }
    outputs.resize(14);
    return outputs;
  }
};

struct FusedUpdate : Function<FusedUpdate> {
  static variable_list forward(AutogradContext* ctx, const Tensor& messages, const Tensor& features,
                               const Tensor& species, const Tensor& elements, const Tensor& weights,
                               const UpdateKind& kind) {
    Tensor kept;
    const UpdateOutputs out = fused_update({messages, features, species, elements, weights}, kind, &kept);
    ctx->save_for_backward({messages, features, species, elements, weights, kept, out.features});
    save(ctx, kind);
    ctx->set_materialize_grads(false);
    variable_list absent;
    // By what the layer has, not by the number of elements: a rank without atoms must take part in the
    // backward pass of the ghost exchange behind `sent`, or the other ranks wait for it for ever.
    if (kind.last) absent.insert(absent.end(), {out.features, out.sent});
    if (!kind.charges) absent.push_back(out.charges);
    if (!kind.dipoles) absent.push_back(out.dipoles);
    ctx->mark_non_differentiable(absent);
    return as_list(out);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& by_results) {
    const variable_list saved = ctx->get_saved_variables();
    const UpdateInputs x{saved[0], saved[1], saved[2], saved[3], saved[4]};
    const UpdateKind kind = load_kind(ctx, x);
    const UpdateWanted wanted{ctx->needs_input_grad(0), ctx->needs_input_grad(1), ctx->needs_input_grad(3),
                              ctx->needs_input_grad(4)};
    // Empty means zero: functions of autograd take no undefined tensors.
    const Tensor none = at::empty({0}, x.messages.options());
    variable_list by;
    for (const Tensor& t : by_results) by.push_back(t.defined() ? t.contiguous() : none);
    const UpdateGradients gradient =
        at::GradMode::is_enabled()
            ? from_wanted(
                  UpdateGradient::apply(x.messages, x.features, x.elements, x.weights, by[0], by[1], by[2],
                                        by[3], by[4], x.species, saved[5], saved[6].detach(), kind, wanted),
                  wanted)
            : update_gradients(x, kind, saved[5], saved[6], as_outputs(by), wanted);
    return {gradient.messages, gradient.features, Tensor(), gradient.elements, gradient.weights, Tensor()};
  }
};

// Made contiguous outside the autograd function, so that what it saves is still linked to its origin.
UpdateInputs contiguous(const UpdateInputs& x) {
  return {x.messages.contiguous(), x.features.contiguous(), x.species.contiguous(), x.elements.contiguous(),
          x.weights.contiguous()};
}

Outputs atom_update_cpu(const Tensor& messages, const Tensor& features, const Tensor& species,
                        const Tensor& elements, const Tensor& weights, bool many_body, bool last,
                        bool charges, bool dipoles) {
  const UpdateInputs x = contiguous({messages, features, species, elements, weights});
  const UpdateKind kind = check_update(x, many_body, last, charges, dipoles);
  return as_tuple(fused_update(x, kind, nullptr));
}

Outputs atom_update_cuda(const Tensor& messages, const Tensor& features, const Tensor& species,
                         const Tensor& elements, const Tensor& weights, bool many_body, bool last,
                         bool charges, bool dipoles) {
  const UpdateInputs x{messages, features, species, elements, weights};
  return as_tuple(compose_update(x, check_update(x, many_body, last, charges, dipoles)));
}

Outputs atom_update_autograd(const Tensor& messages, const Tensor& features, const Tensor& species,
                             const Tensor& elements, const Tensor& weights, bool many_body, bool last,
                             bool charges, bool dipoles) {
  if (!messages.is_cpu()) {
    return atom_update_cuda(messages, features, species, elements, weights, many_body, last, charges,
                            dipoles);
  }
  const UpdateInputs x = contiguous({messages, features, species, elements, weights});
  const UpdateKind kind = check_update(x, many_body, last, charges, dipoles);
  const bool differentiable = messages.requires_grad() || features.requires_grad() ||
                              elements.requires_grad() || weights.requires_grad();
  if (!at::GradMode::is_enabled() || !differentiable) return as_tuple(fused_update(x, kind, nullptr));
  const variable_list out =
      FusedUpdate::apply(x.messages, x.features, x.species, x.elements, x.weights, kind);
  return {out[0], out[1], out[2], out[3], out[4]};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(hotpp_lr, m) {
  m.def(
      "atom_update(Tensor messages, Tensor features, Tensor species, Tensor elements, Tensor weights, "
      "bool many_body, bool last, bool charges, bool dipoles) -> (Tensor, Tensor, Tensor, Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(hotpp_lr, CPU, m) { m.impl("atom_update", atom_update_cpu); }
TORCH_LIBRARY_IMPL(hotpp_lr, CUDA, m) { m.impl("atom_update", atom_update_cuda); }
TORCH_LIBRARY_IMPL(hotpp_lr, Autograd, m) { m.impl("atom_update", atom_update_autograd); }

}  // namespace hotpp::ops
