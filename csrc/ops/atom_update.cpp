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

// Gradients that can be differentiated themselves: those of the composed operator, evaluated anew.
UpdateGradients differentiable_gradients(const UpdateInputs& x, const UpdateKind& kind,
                                         const variable_list& by_results, bool by_messages,
                                         bool by_features) {
  const UpdateOutputs out = compose_update(x, kind);
  const variable_list all{out.features, out.sent, out.energies, out.charges, out.dipoles};
  variable_list results, seeds, inputs;
  for (std::size_t k = 0; k < all.size(); ++k) {
    if (!by_results[k].defined() || !all[k].requires_grad()) continue;
    results.push_back(all[k]);
    seeds.push_back(by_results[k]);
  }
  if (by_messages) inputs.push_back(x.messages);
  if (by_features) inputs.push_back(x.features);
  if (results.empty()) return {};
  const variable_list gradients = torch::autograd::grad(results, inputs, seeds, /*retain_graph=*/true,
                                                        /*create_graph=*/true, /*allow_unused=*/true);
  UpdateGradients gradient;
  auto next = gradients.begin();
  if (by_messages) gradient.messages = *next++;
  if (by_features) gradient.features = *next++;
  return gradient;
}

struct FusedUpdate : Function<FusedUpdate> {
  static variable_list forward(AutogradContext* ctx, const Tensor& messages, const Tensor& features,
                               const Tensor& species, const Tensor& elements, const Tensor& weights,
                               const UpdateKind& kind) {
    Tensor kept;
    const UpdateOutputs out = fused_update({messages, features, species, elements, weights}, kind, &kept);
    ctx->save_for_backward({messages, features, species, elements, weights, kept, out.features});
    ctx->saved_data["many_body"] = kind.many_body;
    ctx->saved_data["last"] = kind.last;
    ctx->saved_data["charges"] = kind.charges;
    ctx->saved_data["dipoles"] = kind.dipoles;
    ctx->set_materialize_grads(false);
    variable_list absent;
    // By what the layer has, not by the number of elements: a rank without atoms must take part in the
    // backward pass of the ghost exchange behind `sent`, or the other ranks wait for it for ever.
    if (kind.last) absent.insert(absent.end(), {out.features, out.sent});
    if (!kind.charges) absent.push_back(out.charges);
    if (!kind.dipoles) absent.push_back(out.dipoles);
    ctx->mark_non_differentiable(absent);
    return {out.features, out.sent, out.energies, out.charges, out.dipoles};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& by_results) {
    const variable_list saved = ctx->get_saved_variables();
    const UpdateInputs x{saved[0], saved[1], saved[2], saved[3], saved[4]};
    auto& data = ctx->saved_data;
    const UpdateKind kind = describe_update(x, data["many_body"].toBool(), data["last"].toBool(),
                                            data["charges"].toBool(), data["dipoles"].toBool());
    const bool by_messages = ctx->needs_input_grad(0), by_features = ctx->needs_input_grad(1);
    UpdateGradients gradient;
    if (at::GradMode::is_enabled()) {
      gradient = differentiable_gradients(x, kind, by_results, by_messages, by_features);
    } else {
      const auto ready = [&](int k) {
        return by_results[k].defined() ? by_results[k].contiguous() : Tensor();
      };
      gradient = fused_update_gradients(x, kind, saved[5], saved[6],
                                        {ready(0), ready(1), ready(2), ready(3), ready(4)}, by_messages,
                                        by_features);
    }
    variable_list outputs(6);
    outputs[0] = gradient.messages;
    outputs[1] = gradient.features;
    return outputs;
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
  const bool frozen = !at::GradMode::is_enabled() || !(elements.requires_grad() || weights.requires_grad());
  if (!frozen || !messages.is_cpu()) {
    return atom_update_cuda(messages, features, species, elements, weights, many_body, last, charges,
                            dipoles);
  }
  const UpdateInputs x = contiguous({messages, features, species, elements, weights});
  const UpdateKind kind = check_update(x, many_body, last, charges, dipoles);
  if (!at::GradMode::is_enabled() || !(messages.requires_grad() || features.requires_grad())) {
    return as_tuple(fused_update(x, kind, nullptr));
  }
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
