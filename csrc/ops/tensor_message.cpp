// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operator hotpp_lr::tensor_message and its place in autograd:
// messages = M(x) with x = (features, edge_vectors, table), gradient = (∂M/∂x)ᵀ g, and the derivatives of
// that gradient with respect to x and g, so that forces can be trained on.
//
// What it is made of are operators as well, named _tensor_message_*: another device only needs to implement
// those two, TORCH_LIBRARY_IMPL(hotpp_lr, CUDA, m). Their tensors are contiguous and of the shapes that
// check_message has seen. With tangents they give derivatives along them: an absent tangent is zero.
#include "ops/tensor_message.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <optional>
#include <tuple>
#include <utility>

#include "ops/choices.h"
#include "ops/no_third_derivative.h"

namespace hotpp::ops {
namespace {

using at::Tensor;
using MaybeTensor = std::optional<Tensor>;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr const char* no_third =
    "tensor_message: third derivatives are not implemented; use hotpp_lr.model.message.tensor_message (the "
    "eager reference) for them.";

MessageInputs direction(const MaybeTensor& features, const MaybeTensor& edge_vectors,
                        const MaybeTensor& table) {
  return {features.value_or(Tensor()), edge_vectors.value_or(Tensor()), table.value_or(Tensor())};
}
bool any(const MessageInputs& x) {
  return x.features.defined() || x.edge_vectors.defined() || x.table.defined();
}
MaybeTensor given(const Tensor& t) { return t.defined() ? MaybeTensor(t) : std::nullopt; }

Tensor sum_cpu(const Tensor& features, const Tensor& edge_vectors, const Tensor& table,
               const MaybeTensor& features_tangent, const MaybeTensor& edge_tangents,
               const MaybeTensor& table_tangent, const Tensor& receivers, const Tensor& senders,
               std::int64_t n_receivers, std::int64_t rank_out, double cutoff) {
  const MessageInputs x{features, edge_vectors, table};
  const MessageInputs tangent = direction(features_tangent, edge_tangents, table_tangent);
  const MessageTopology topology{receivers, senders, n_receivers, rank_out, cutoff};
  if (any(tangent)) return sum_messages_tangent(x, tangent, topology);
  check_indices(topology, features.size(0));
  return sum_messages(x, topology);
}

std::tuple<Tensor, Tensor, Tensor> gradients_cpu(
    const Tensor& features, const Tensor& edge_vectors, const Tensor& table,
    const MaybeTensor& features_tangent, const MaybeTensor& edge_tangents, const MaybeTensor& table_tangent,
    const Tensor& cotangent, const Tensor& receivers, const Tensor& senders, std::int64_t n_receivers,
    std::int64_t rank_out, double cutoff, bool want_features, bool want_edges, bool want_table) {
  const MessageInputs x{features, edge_vectors, table};
  const MessageInputs tangent = direction(features_tangent, edge_tangents, table_tangent);
  const MessageTopology topology{receivers, senders, n_receivers, rank_out, cutoff};
  const Wanted wanted{want_features, want_edges, want_table};
  const MessageInputs gradient = any(tangent)
                                     ? message_gradients_tangent(x, tangent, cotangent, topology, wanted)
                                     : message_gradients(x, cotangent, topology, wanted);
  return {gradient.features, gradient.edge_vectors, gradient.table};
}

Tensor sum(const MessageInputs& x, const MessageInputs& tangent, const MessageTopology& t) {
  return call_operator<decltype(sum_cpu)>("hotpp_lr::_tensor_message_sum", x.features, x.edge_vectors,
                                          x.table, given(tangent.features), given(tangent.edge_vectors),
                                          given(tangent.table), t.receivers, t.senders, t.n_receivers,
                                          t.rank_out, t.cutoff);
}

MessageInputs gradients(const MessageInputs& x, const MessageInputs& tangent, const Tensor& cotangent,
                        const MessageTopology& t, Wanted wanted) {
  const auto [features, edge_vectors, table] = call_operator<decltype(gradients_cpu)>(
      "hotpp_lr::_tensor_message_gradients", x.features, x.edge_vectors, x.table, given(tangent.features),
      given(tangent.edge_vectors), given(tangent.table), cotangent, t.receivers, t.senders, t.n_receivers,
      t.rank_out, t.cutoff, wanted.features, wanted.edge_vectors, wanted.table);
  return {features, edge_vectors, table};
}

void save(AutogradContext* ctx, const MessageTopology& topology) {
  ctx->saved_data["n_receivers"] = topology.n_receivers;
  ctx->saved_data["rank_out"] = topology.rank_out;
  ctx->saved_data["cutoff"] = topology.cutoff;
}
MessageTopology load(AutogradContext* ctx, const Tensor& receivers, const Tensor& senders) {
  return {receivers, senders, ctx->saved_data["n_receivers"].toInt(), ctx->saved_data["rank_out"].toInt(),
          ctx->saved_data["cutoff"].toDouble()};
}

struct MessageGradient : Function<MessageGradient> {
  // The wanted ones of the gradients with respect to features, edge vectors and table, in this order.
  static variable_list forward(AutogradContext* ctx, const Tensor& features, const Tensor& edge_vectors,
                               const Tensor& table, const Tensor& cotangent, const MessageTopology& topology,
                               Wanted wanted) {
    ctx->save_for_backward({features, edge_vectors, table, cotangent, topology.receivers, topology.senders});
    save(ctx, topology);
    ctx->saved_data["features"] = wanted.features;
    ctx->saved_data["edge_vectors"] = wanted.edge_vectors;
    ctx->saved_data["table"] = wanted.table;
    ctx->set_materialize_grads(false);
    const MessageInputs gradient =
        gradients({features, edge_vectors, table}, {}, cotangent, topology, wanted);
    variable_list outputs;
    if (wanted.features) outputs.push_back(gradient.features);
    if (wanted.edge_vectors) outputs.push_back(gradient.edge_vectors);
    if (wanted.table) outputs.push_back(gradient.table);
    return outputs;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const MessageInputs x{saved[0], saved[1], saved[2]};
    const Tensor& cotangent = saved[3];
    const MessageTopology topology = load(ctx, saved[4], saved[5]);
    MessageInputs tangent;
    auto seed = seeds.begin();
    for (auto [name, member] :
         {std::pair{"features", &tangent.features}, std::pair{"edge_vectors", &tangent.edge_vectors},
          std::pair{"table", &tangent.table}}) {
      if (!ctx->saved_data[name].toBool()) continue;
      if (seed->defined()) *member = seed->contiguous();
      ++seed;
    }
    variable_list outputs(6);
    if (!any(tangent)) return outputs;

    variable_list depends_on{x.features, x.edge_vectors, x.table, cotangent};
    for (const Tensor& t : seeds) {
      if (t.defined()) depends_on.push_back(t);
    }
    const Wanted wanted{ctx->needs_input_grad(0), ctx->needs_input_grad(1), ctx->needs_input_grad(2)};
    if (wanted.features || wanted.edge_vectors || wanted.table) {
      const MessageInputs gradient = gradients(x, tangent, cotangent, topology, wanted);
      if (wanted.features) outputs[0] = once_more_at_most(gradient.features, depends_on, no_third);
      if (wanted.edge_vectors) outputs[1] = once_more_at_most(gradient.edge_vectors, depends_on, no_third);
      if (wanted.table) outputs[2] = once_more_at_most(gradient.table, depends_on, no_third);
    }
    if (ctx->needs_input_grad(3)) {
      outputs[3] = once_more_at_most(sum(x, tangent, topology), depends_on, no_third);
    }
    return outputs;
  }
};

struct Message : Function<Message> {
  static Tensor forward(AutogradContext* ctx, const Tensor& features, const Tensor& edge_vectors,
                        const Tensor& table, const MessageTopology& topology) {
    ctx->save_for_backward({features, edge_vectors, table, topology.receivers, topology.senders});
    save(ctx, topology);
    return sum({features, edge_vectors, table}, {}, topology);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& cotangents) {
    const variable_list saved = ctx->get_saved_variables();
    const Wanted wanted{ctx->needs_input_grad(0), ctx->needs_input_grad(1), ctx->needs_input_grad(2)};
    const variable_list gradient = MessageGradient::apply(
        saved[0], saved[1], saved[2], cotangents[0].contiguous(), load(ctx, saved[3], saved[4]), wanted);
    variable_list outputs(4);
    auto next = gradient.begin();
    if (wanted.features) outputs[0] = *next++;
    if (wanted.edge_vectors) outputs[1] = *next++;
    if (wanted.table) outputs[2] = *next++;
    return outputs;
  }
};

Tensor tensor_message(const Tensor& features, const Tensor& edge_vectors, const Tensor& table,
                      const Tensor& receivers, const Tensor& senders, std::int64_t n_receivers,
                      std::int64_t rank_out, double cutoff) {
  // Made contiguous outside the autograd functions, so that what they save is still linked to its origin.
  const MessageInputs x{features.contiguous(), edge_vectors.contiguous(), table.contiguous()};
  const MessageTopology topology{receivers.contiguous(), senders.contiguous(), n_receivers, rank_out, cutoff};
  check_message(x, topology);
  return Message::apply(x.features, x.edge_vectors, x.table, topology);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(hotpp_lr, m) {
  m.def(
      "tensor_message(Tensor features, Tensor edge_vectors, Tensor table, Tensor receivers, Tensor senders, "
      "int n_receivers, int rank_out, float cutoff) -> Tensor",
      &tensor_message);
  m.def(
      "_tensor_message_sum(Tensor features, Tensor edge_vectors, Tensor table, Tensor? features_tangent, "
      "Tensor? edge_tangents, Tensor? table_tangent, Tensor receivers, Tensor senders, int n_receivers, "
      "int rank_out, float cutoff) -> Tensor");
  m.def(
      "_tensor_message_gradients(Tensor features, Tensor edge_vectors, Tensor table, "
      "Tensor? features_tangent, Tensor? edge_tangents, Tensor? table_tangent, Tensor cotangent, "
      "Tensor receivers, Tensor senders, int n_receivers, int rank_out, float cutoff, bool want_features, "
      "bool want_edges, bool want_table) -> (Tensor, Tensor, Tensor)");
  // On devices only (device/message_groups.h).
  m.def(
      "_tensor_message_groups(Tensor receivers, Tensor senders, int n_receivers, int n_senders) -> "
      "(Tensor, Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(hotpp_lr, CPU, m) {
  m.impl("_tensor_message_sum", sum_cpu);
  m.impl("_tensor_message_gradients", gradients_cpu);
}

}  // namespace hotpp::ops
