// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operator hotpp_lr::tensor_message and its place in autograd:
// messages = M(x) with x = (features, directions, radial), gradient = (∂M/∂x)ᵀ g, and the derivatives of that
// gradient with respect to x and g, so that forces can be trained on.
#include "tensor_message.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <utility>

namespace hotpp::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Without it a third derivative would be taken of constants, that is, be silently zero.
struct NoThirdDerivative : Function<NoThirdDerivative> {
  static Tensor forward(AutogradContext*, const Tensor& gradient, at::TensorList /*depends_on*/) {
    return gradient;
  }
  static variable_list backward(AutogradContext*, const variable_list&) {
    TORCH_CHECK(
        false,
        "tensor_message: third derivatives are not implemented; use hotpp_lr.model.message.tensor_message "
        "(the eager reference) for them.");
  }
};

Tensor once_more_at_most(const Tensor& gradient, at::TensorList depends_on) {
  return at::GradMode::is_enabled() ? NoThirdDerivative::apply(gradient, depends_on) : gradient;
}

MessageTopology load_topology(AutogradContext* ctx, const Tensor& receivers, const Tensor& senders) {
  return {receivers, senders, ctx->saved_data["n_receivers"].toInt(),
          static_cast<int>(ctx->saved_data["rank_out"].toInt())};
}

struct MessageGradient : Function<MessageGradient> {
  // The wanted ones of the gradients with respect to features, directions and radial, in this order.
  static variable_list forward(AutogradContext* ctx, const Tensor& features, const Tensor& directions,
                               const Tensor& radial, const Tensor& cotangent, const MessageTopology& topology,
                               Wanted wanted) {
    ctx->save_for_backward({features, directions, radial, cotangent, topology.receivers, topology.senders});
    ctx->saved_data["n_receivers"] = topology.n_receivers;
    ctx->saved_data["rank_out"] = static_cast<std::int64_t>(topology.rank_out);
    ctx->saved_data["features"] = wanted.features;
    ctx->saved_data["directions"] = wanted.directions;
    ctx->saved_data["radial"] = wanted.radial;
    ctx->set_materialize_grads(false);
    const MessageInputs gradient =
        message_gradients({features, directions, radial}, cotangent, topology, wanted);
    variable_list outputs;
    if (wanted.features) outputs.push_back(gradient.features);
    if (wanted.directions) outputs.push_back(gradient.directions);
    if (wanted.radial) outputs.push_back(gradient.radial);
    return outputs;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const MessageInputs x{saved[0], saved[1], saved[2]};
    const Tensor& cotangent = saved[3];
    const MessageTopology topology = load_topology(ctx, saved[4], saved[5]);
    MessageInputs tangent;
    auto seed = seeds.begin();
    for (auto [name, member] :
         {std::pair{"features", &tangent.features}, std::pair{"directions", &tangent.directions},
          std::pair{"radial", &tangent.radial}}) {
      if (!ctx->saved_data[name].toBool()) continue;
      if (seed->defined()) *member = seed->contiguous();
      ++seed;
    }

    variable_list depends_on{x.features, x.directions, x.radial, cotangent};
    for (const Tensor& t : seeds) {
      if (t.defined()) depends_on.push_back(t);
    }
    const Wanted wanted{ctx->needs_input_grad(0), ctx->needs_input_grad(1), ctx->needs_input_grad(2)};
    variable_list outputs(6);
    if (wanted.features || wanted.directions || wanted.radial) {
      const MessageInputs gradient = message_gradients_tangent(x, tangent, cotangent, topology, wanted);
      if (wanted.features) outputs[0] = once_more_at_most(gradient.features, depends_on);
      if (wanted.directions) outputs[1] = once_more_at_most(gradient.directions, depends_on);
      if (wanted.radial) outputs[2] = once_more_at_most(gradient.radial, depends_on);
    }
    if (ctx->needs_input_grad(3)) {
      outputs[3] = once_more_at_most(sum_messages_tangent(x, tangent, topology), depends_on);
    }
    return outputs;
  }
};

struct Message : Function<Message> {
  static Tensor forward(AutogradContext* ctx, const Tensor& features, const Tensor& directions,
                        const Tensor& radial, const MessageTopology& topology) {
    ctx->save_for_backward({features, directions, radial, topology.receivers, topology.senders});
    ctx->saved_data["n_receivers"] = topology.n_receivers;
    ctx->saved_data["rank_out"] = static_cast<std::int64_t>(topology.rank_out);
    return sum_messages({features, directions, radial}, topology);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& cotangents) {
    const variable_list saved = ctx->get_saved_variables();
    const Wanted wanted{ctx->needs_input_grad(0), ctx->needs_input_grad(1), ctx->needs_input_grad(2)};
    const variable_list gradient =
        MessageGradient::apply(saved[0], saved[1], saved[2], cotangents[0].contiguous(),
                               load_topology(ctx, saved[3], saved[4]), wanted);
    variable_list outputs(4);
    auto next = gradient.begin();
    if (wanted.features) outputs[0] = *next++;
    if (wanted.directions) outputs[1] = *next++;
    if (wanted.radial) outputs[2] = *next++;
    return outputs;
  }
};

std::pair<MessageInputs, MessageTopology> checked(const Tensor& features, const Tensor& directions,
                                                  const Tensor& radial, const Tensor& receivers,
                                                  const Tensor& senders, std::int64_t n_receivers,
                                                  std::int64_t rank_out) {
  // Made contiguous outside the autograd functions, so that what they save is still linked to its origin.
  const MessageInputs x{features.contiguous(), directions.contiguous(), radial.contiguous()};
  const MessageTopology topology{receivers.contiguous(), senders.contiguous(), n_receivers,
                                 static_cast<int>(rank_out)};
  check_message(x, topology);
  return {x, topology};
}

Tensor tensor_message_cpu(const Tensor& features, const Tensor& directions, const Tensor& radial,
                          const Tensor& receivers, const Tensor& senders, std::int64_t n_receivers,
                          std::int64_t rank_out) {
  const auto [x, topology] = checked(features, directions, radial, receivers, senders, n_receivers, rank_out);
  return sum_messages(x, topology);
}

Tensor tensor_message_autograd(const Tensor& features, const Tensor& directions, const Tensor& radial,
                               const Tensor& receivers, const Tensor& senders, std::int64_t n_receivers,
                               std::int64_t rank_out) {
  const auto [x, topology] = checked(features, directions, radial, receivers, senders, n_receivers, rank_out);
  return Message::apply(x.features, x.directions, x.radial, topology);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(hotpp_lr, m) {
  m.def(
      "tensor_message(Tensor features, Tensor directions, Tensor radial, Tensor receivers, Tensor senders, "
      "int n_receivers, int rank_out) -> Tensor");
}
TORCH_LIBRARY_IMPL(hotpp_lr, CPU, m) { m.impl("tensor_message", tensor_message_cpu); }
TORCH_LIBRARY_IMPL(hotpp_lr, Autograd, m) { m.impl("tensor_message", tensor_message_autograd); }

}  // namespace hotpp::ops
