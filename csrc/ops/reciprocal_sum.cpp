// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operator hotpp_lr::reciprocal_sum and its place in autograd. What it is made of are operators as well,
// named _reciprocal_sum_*: another device only needs to implement those three.
#include "ops/reciprocal_sum.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/choices.h"
#include "ops/no_third_derivative.h"

namespace hotpp::ops {
namespace {

using at::Tensor;
using Text = std::string_view;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr const char* no_third =
    "reciprocal_sum: third derivatives are not implemented; use hotpp_lr.electrostatics.mesh.pme_energy (the "
    "reference) for them.";

std::tuple<Tensor, Tensor> forward_cpu(const Tensor& rho, const Tensor& metric, const Tensor& mesh,
                                       std::int64_t order, Text deconvolution, Text kernel, double smearing) {
  return reciprocal_sum_cpu(rho.contiguous(), metric.contiguous(), mesh,
                            mode_settings(order, deconvolution, kernel, smearing));
}

std::tuple<Tensor, Tensor> gradient_cpu(const Tensor& spectrum, const Tensor& metric, const Tensor& seed,
                                        const Tensor& mesh, std::int64_t order, Text deconvolution,
                                        Text kernel, double smearing, bool want_rho, bool want_metric) {
  return reciprocal_sum_gradient_cpu(spectrum, metric.contiguous(), seed.contiguous(), mesh,
                                     mode_settings(order, deconvolution, kernel, smearing), want_rho,
                                     want_metric);
}

std::tuple<Tensor, Tensor, Tensor> second_cpu(const Tensor& spectrum, const Tensor& metric,
                                              const Tensor& seed, const std::optional<Tensor>& rho_tangent,
                                              const std::optional<Tensor>& metric_tangent, const Tensor& mesh,
                                              std::int64_t order, Text deconvolution, Text kernel,
                                              double smearing, bool want_rho, bool want_metric) {
  const auto contiguous = [](const std::optional<Tensor>& t) { return t ? t->contiguous() : Tensor(); };
  return reciprocal_sum_second_cpu(
      spectrum, metric.contiguous(), seed.contiguous(), contiguous(rho_tangent), contiguous(metric_tangent),
      mesh, mode_settings(order, deconvolution, kernel, smearing), want_rho, want_metric);
}

struct Gradient : Function<Gradient> {
  // The wanted ones of the gradients with respect to rho and metric. `spectrum` is that of rho: the
  // derivative with respect to it is counted with rho.
  static variable_list forward(AutogradContext* ctx, const Tensor& rho, const Tensor& metric,
                               const Tensor& seed, const Tensor& spectrum, const Choices& c, bool want_rho,
                               bool want_metric) {
    ctx->save_for_backward({rho, metric, seed, spectrum});
    ctx->saved_data["want_rho"] = want_rho;
    ctx->saved_data["want_metric"] = want_metric;
    ctx->set_materialize_grads(false);
    c.save(ctx);
    const auto [rho_gradient, metric_gradient] = call_operator<decltype(gradient_cpu)>(
        "hotpp_lr::_reciprocal_sum_gradient", spectrum, metric, seed, c.mesh, c.order, c.deconvolution,
        c.kernel, c.smearing, want_rho, want_metric);
    variable_list outputs;
    if (want_rho) outputs.push_back(rho_gradient);
    if (want_metric) outputs.push_back(metric_gradient);
    return outputs;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& tangents) {
    const variable_list saved = ctx->get_saved_variables();
    const Choices c = Choices::load(ctx);
    const bool has_rho = ctx->saved_data["want_rho"].toBool(),
               has_metric = ctx->saved_data["want_metric"].toBool();
    const Tensor rho_tangent = has_rho ? tangents[0] : Tensor();
    const Tensor metric_tangent = has_metric ? tangents[has_rho ? 1 : 0] : Tensor();
    variable_list outputs(12);
    if (!rho_tangent.defined() && !metric_tangent.defined()) return outputs;
    const auto given = [](const Tensor& t) { return t.defined() ? std::optional<Tensor>(t) : std::nullopt; };
    const auto second = [&] {
      return call_operator<decltype(second_cpu)>("hotpp_lr::_reciprocal_sum_second", saved[3], saved[1],
                                                 saved[2], given(rho_tangent), given(metric_tangent), c.mesh,
                                                 c.order, c.deconvolution, c.kernel, c.smearing,
                                                 ctx->needs_input_grad(0), ctx->needs_input_grad(1));
    };
    const auto [of_seed, of_rho, of_metric] = second();
    variable_list depends_on{saved[0], saved[1], saved[2]};
    if (rho_tangent.defined()) depends_on.push_back(rho_tangent);
    if (metric_tangent.defined()) depends_on.push_back(metric_tangent);
    if (ctx->needs_input_grad(0)) outputs[0] = once_more_at_most(of_rho, depends_on, no_third);
    if (ctx->needs_input_grad(1)) outputs[1] = once_more_at_most(of_metric, depends_on, no_third);
    if (ctx->needs_input_grad(2)) outputs[2] = once_more_at_most(of_seed, depends_on, no_third);
    return outputs;
  }
};

struct Sum : Function<Sum> {
  static Tensor forward(AutogradContext* ctx, const Tensor& rho, const Tensor& metric, const Choices& c) {
    const auto [sums, spectrum] =
        call_operator<decltype(forward_cpu)>("hotpp_lr::_reciprocal_sum_forward", rho, metric, c.mesh,
                                             c.order, c.deconvolution, c.kernel, c.smearing);
    ctx->save_for_backward({rho, metric, spectrum});
    c.save(ctx);
    return sums;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const bool want_rho = ctx->needs_input_grad(0), want_metric = ctx->needs_input_grad(1);
    variable_list outputs(3);
    const variable_list gradient =
        Gradient::apply(saved[0], saved[1], seeds[0], saved[2], Choices::load(ctx), want_rho, want_metric);
    auto next = gradient.begin();
    if (want_rho) outputs[0] = *next++;
    if (want_metric) outputs[1] = *next++;
    return outputs;
  }
};

Tensor reciprocal_sum(const Tensor& rho, const Tensor& metric, const Tensor& mesh, std::int64_t order,
                      Text deconvolution, Text kernel, double smearing) {
  return Sum::apply(rho, metric,
                    Choices{mesh, order, std::string(deconvolution), std::string(kernel), smearing});
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(hotpp_lr, m) {
  m.def("reciprocal_sum(Tensor rho, Tensor metric, " HOTPP_CHOICES ") -> Tensor", &reciprocal_sum);
  m.def("_reciprocal_sum_forward(Tensor rho, Tensor metric, " HOTPP_CHOICES ") -> (Tensor, Tensor)");
  m.def("_reciprocal_sum_gradient(Tensor spectrum, Tensor metric, Tensor seed, " HOTPP_CHOICES
        ", bool want_rho, bool want_metric) -> (Tensor, Tensor)");
  m.def(
      "_reciprocal_sum_second(Tensor spectrum, Tensor metric, Tensor seed, Tensor? rho_tangent, "
      "Tensor? metric_tangent, " HOTPP_CHOICES
      ", bool want_rho, bool want_metric) -> (Tensor, Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(hotpp_lr, CPU, m) {
  m.impl("_reciprocal_sum_forward", forward_cpu);
  m.impl("_reciprocal_sum_gradient", gradient_cpu);
  m.impl("_reciprocal_sum_second", second_cpu);
}

}  // namespace hotpp::ops
