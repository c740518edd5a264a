// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operator hotpp_lr::atom_update and its place in autograd.
#include "ops/atom_update.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/atom_update_cpu.h"
#include "ops/choices.h"

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

UpdateGradients from_wanted(const variable_list& list, const UpdateWanted& wanted) {
  UpdateGradients gradient;
  auto next = list.begin();
  if (wanted.messages) gradient.messages = *next++;
  if (wanted.features) gradient.features = *next++;
  if (wanted.elements) gradient.elements = *next++;
  if (wanted.weights) gradient.weights = *next++;
  return gradient;
}

// ---------------------------------------------------------------- the operators of the CPU

bool is_fused_on_cpu(const Tensor&, bool) { return true; }

UpdateStep forward_cpu(const Tensor& messages, const Tensor& features, const Tensor& species,
                       const Tensor& elements, const Tensor& weights, bool many_body, bool last, bool charges,
                       bool dipoles, bool keep) {
  const UpdateInputs x{messages, features, species, elements, weights};
  Tensor kept = at::empty({0}, messages.options());
  const UpdateOutputs out =
      fused_update(x, describe_update(x, many_body, last, charges, dipoles), keep ? &kept : nullptr);
  return {out.features, out.sent, out.energies, out.charges, out.dipoles, kept};
}

std::tuple<Tensor, Tensor> gradients_cpu(const Tensor& messages, const Tensor& features,
                                         const Tensor& species, const Tensor& elements, const Tensor& weights,
                                         const Tensor& kept, const Tensor& new_features,
                                         const Tensor& by_features, const Tensor& by_sent,
                                         const Tensor& by_energies, const Tensor& by_charges,
                                         const Tensor& by_dipoles, bool many_body, bool last, bool charges,
                                         bool dipoles, bool want_messages, bool want_features) {
  const UpdateInputs x{messages, features, species, elements, weights};
  const UpdateGradients gradient =
      fused_update_gradients(x, describe_update(x, many_body, last, charges, dipoles), kept, new_features,
                             {by_features, by_sent, by_energies, by_charges, by_dipoles},
                             {want_messages, want_features, false, false});
  return {gradient.messages, gradient.features};
}

// ---------------------------------------------------------------- the operators of the tensors' device

// Whether there are kernels for this device and these messages; training: also for derivatives by weights,
// and for second ones.
bool is_fused(const Tensor& messages, bool training) {
  const auto question = c10::Dispatcher::singleton().findSchemaOrThrow("hotpp_lr::_atom_update_is_fused", "");
  // A CUDA device without libhotpp_ops_cuda.so has no one to ask.
  if (!question.hasComputedKernelForDispatchKey(c10::legacyExtractDispatchKey(messages.key_set())))
    return false;
  at::AutoDispatchBelowADInplaceOrView below;
  return question.typed<decltype(is_fused_on_cpu)>().call(messages, training);
}

UpdateOutputs update(const UpdateInputs& x, const UpdateKind& kind, Tensor* kept) {
  UpdateOutputs out;
  Tensor nothing;
  std::tie(out.features, out.sent, out.energies, out.charges, out.dipoles, kept ? *kept : nothing) =
      call_operator<decltype(forward_cpu)>("hotpp_lr::_atom_update_forward", x.messages, x.features,
                                           x.species, x.elements, x.weights, kind.many_body, kind.last,
                                           kind.charges, kind.dipoles, kept != nullptr);
  return out;
}

UpdateGradients update_gradients(const UpdateInputs& x, const UpdateKind& kind, const Tensor& kept,
                                 const Tensor& new_features, const UpdateOutputs& by_results,
                                 const UpdateWanted& wanted) {
  if (wanted.elements || wanted.weights) return fused_training_gradients(x, kind, by_results, wanted);
  UpdateGradients gradient;
  std::tie(gradient.messages, gradient.features) = call_operator<decltype(gradients_cpu)>(
      "hotpp_lr::_atom_update_gradients", x.messages, x.features, x.species, x.elements, x.weights, kept,
      new_features, by_results.features, by_results.sent, by_results.energies, by_results.charges,
      by_results.dipoles, kind.many_body, kind.last, kind.charges, kind.dipoles, wanted.messages,
      wanted.features);
  return gradient;
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
    if (at::GradMode::is_enabled() || tangent.elements.defined() || tangent.weights.defined() ||
        !is_fused(x.messages, true)) {
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
    const UpdateOutputs out = update({messages, features, species, elements, weights}, kind, &kept);
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

Outputs atom_update_below_autograd(const Tensor& messages, const Tensor& features, const Tensor& species,
                                   const Tensor& elements, const Tensor& weights, bool many_body, bool last,
                                   bool charges, bool dipoles) {
  const UpdateInputs x = contiguous({messages, features, species, elements, weights});
  const UpdateKind kind = check_update(x, many_body, last, charges, dipoles);
  return as_tuple(is_fused(x.messages, false) ? update(x, kind, nullptr) : compose_update(x, kind));
}

Outputs atom_update_autograd(const Tensor& messages, const Tensor& features, const Tensor& species,
                             const Tensor& elements, const Tensor& weights, bool many_body, bool last,
                             bool charges, bool dipoles) {
  const UpdateInputs x = contiguous({messages, features, species, elements, weights});
  const UpdateKind kind = check_update(x, many_body, last, charges, dipoles);
  const bool recorded = at::GradMode::is_enabled();
  const bool trains = recorded && (elements.requires_grad() || weights.requires_grad());
  if (!is_fused(x.messages, trains)) return as_tuple(compose_update(x, kind));
  if (!recorded || !(trains || messages.requires_grad() || features.requires_grad())) {
    return as_tuple(update(x, kind, nullptr));
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
  m.def("_atom_update_is_fused(Tensor messages, bool training) -> bool");
  m.def(
      "_atom_update_forward(Tensor messages, Tensor features, Tensor species, Tensor elements, "
      "Tensor weights, bool many_body, bool last, bool charges, bool dipoles, bool keep) -> "
      "(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "_atom_update_gradients(Tensor messages, Tensor features, Tensor species, Tensor elements, "
      "Tensor weights, Tensor kept, Tensor new_features, Tensor by_features, Tensor by_sent, "
      "Tensor by_energies, Tensor by_charges, Tensor by_dipoles, bool many_body, bool last, bool charges, "
      "bool dipoles, bool want_messages, bool want_features) -> (Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(hotpp_lr, CPU, m) {
  m.impl("atom_update", atom_update_below_autograd);
  m.impl("_atom_update_is_fused", is_fused_on_cpu);
  m.impl("_atom_update_forward", forward_cpu);
  m.impl("_atom_update_gradients", gradients_cpu);
}
TORCH_LIBRARY_IMPL(hotpp_lr, CUDA, m) { m.impl("atom_update", atom_update_below_autograd); }
TORCH_LIBRARY_IMPL(hotpp_lr, Autograd, m) { m.impl("atom_update", atom_update_autograd); }

}  // namespace hotpp::ops
