// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operator hotpp_lr::mesh_sum, reciprocal_sum(mesh_spread(u, c)) in one piece, and its place in autograd.
// With d = gather(2 A * rho) and e the seed of each structure, the first derivatives are
//
//   by u: e contract(c, d),   by c: e d,   by metric: e m
//
// and along tangents (v, w, Gamma) of these, with s = promote(c, v) + w, tau = spread(u, s) and d' = the
// gather of dJ/drho / e:
//
//   by u: e [contract(c, d') + contract(s, d)],   by c: e [d' + lower(d, v)]
//
// contract, promote, lower: multipole_products.h. d is kept from the first derivative to the second and to
// another first one (a loss contains energies and forces).
#include "ops/mesh_sum.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/choices.h"
#include "ops/mesh_assignment.h"
#include "ops/multipole_products.h"
#include "ops/no_third_derivative.h"
#include "ops/structure_maps.h"

namespace hotpp::ops {
namespace {

using at::Tensor;
using Text = std::string_view;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr const char* no_third =
    "mesh_sum: third derivatives are not implemented; use hotpp_lr.electrostatics.mesh.pme_energy (the "
    "reference) "
    "for them.";

Tensor contiguous(const std::optional<Tensor>& tensor) { return tensor ? tensor->contiguous() : Tensor(); }
std::optional<Tensor> given(const Tensor& tensor) {
  return tensor.defined() ? std::optional<Tensor>(tensor) : std::nullopt;
}

std::tuple<Tensor, Tensor> forward_cpu(const Tensor& u, const Tensor& coefficients, const Tensor& metric,
                                       const Tensor& structure, const Tensor& mesh, std::int64_t order,
                                       Text deconvolution, Text kernel, double smearing, bool want_spectrum) {
  return mesh_sum_cpu(u.contiguous(), coefficients.contiguous(), metric.contiguous(), structure.contiguous(),
                      mesh, mode_settings(order, deconvolution, kernel, smearing), want_spectrum);
}

std::tuple<Tensor, Tensor> gradient_cpu(const Tensor& u, const Tensor& spectrum, const Tensor& metric,
                                        const Tensor& structure, const Tensor& mesh, std::int64_t order,
                                        Text deconvolution, Text kernel, double smearing, std::int64_t rank,
                                        bool want_metric) {
  return mesh_sum_gradient_cpu(u.contiguous(), spectrum, metric.contiguous(), structure.contiguous(), mesh,
                               mode_settings(order, deconvolution, kernel, smearing), rank, want_metric);
}

std::tuple<Tensor, Tensor, Tensor> second_cpu(const Tensor& u, const std::optional<Tensor>& tangents,
                                              const Tensor& spectrum, const Tensor& metric,
                                              const std::optional<Tensor>& metric_tangent,
                                              const Tensor& structure, const Tensor& mesh, std::int64_t order,
                                              Text deconvolution, Text kernel, double smearing,
                                              std::int64_t rank, bool want_metric) {
  return mesh_sum_second_cpu(u.contiguous(), contiguous(tangents), spectrum, metric.contiguous(),
                             contiguous(metric_tangent), structure.contiguous(), mesh,
                             mode_settings(order, deconvolution, kernel, smearing), rank, want_metric);
}

struct Gradient : Function<Gradient> {
  // The wanted ones of the derivatives by u, c and metric. derivatives = d, moments = m, both constants here:
  // their dependence on u, c and metric is part of the formulas above.
  static variable_list forward(AutogradContext* ctx, const Tensor& u, const Tensor& c, const Tensor& metric,
                               const Tensor& seed, const Tensor& structure, const Tensor& spectrum,
                               const Tensor& derivatives, const std::optional<Tensor>& moments,
                               const Choices& choices, bool want_u, bool want_c, bool want_metric) {
    ctx->save_for_backward(
        {u, c, metric, seed, structure, spectrum, derivatives, moments.value_or(Tensor())});
    ctx->saved_data["want_u"] = want_u;
    ctx->saved_data["want_c"] = want_c;
    ctx->saved_data["want_metric"] = want_metric;
    ctx->set_materialize_grads(false);
    choices.save(ctx);
    Tensor vector, head;
    if (want_u)
      std::tie(vector, head) = contract(c, derivatives);
    else if (want_c)
      head = derivatives.narrow(1, 0, c.size(1)).contiguous();
    variable_list outputs;
    if (want_u) outputs.push_back(structure_scale(vector, seed, structure));
    if (want_c) outputs.push_back(structure_scale(head, seed, structure));
    if (want_metric) outputs.push_back(*moments * seed.view({-1, 1, 1}));
    return outputs;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& tangents) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &u = saved[0], &c = saved[1], &metric = saved[2], &seed = saved[3], &structure = saved[4],
                 &derivatives = saved[6];
    const Choices choices = Choices::load(ctx);
    auto next = tangents.begin();
    const auto tangent_of = [&](const char* flag) {
      return ctx->saved_data[flag].toBool() ? *next++ : Tensor();
    };
    const Tensor v = tangent_of("want_u"), w = tangent_of("want_c"), gamma = tangent_of("want_metric");
    variable_list outputs(12);
    if (!v.defined() && !w.defined() && !gamma.defined()) return outputs;
    const bool need_u = ctx->needs_input_grad(0), need_c = ctx->needs_input_grad(1),
               need_metric = ctx->needs_input_grad(2);

    variable_list depends_on{u, c, metric, seed};
    for (const Tensor& t : {v, w, gamma})
      if (t.defined()) depends_on.push_back(t);
    variable_list results;  // by u, c, metric, seed
    {
      at::NoGradGuard below;
      const std::int64_t rank = rank_of_columns(c, "coefficients");
      const Tensor s = v.defined() ? promote(c, v.contiguous(), w) : w.defined() ? w.contiguous() : Tensor();
      auto [of_seed, more, of_metric] = call_operator<decltype(second_cpu)>(
          "hotpp_lr::_mesh_sum_second", u, given(s), saved[5], metric, given(gamma), structure, choices.mesh,
          choices.order, choices.deconvolution, choices.kernel, choices.smearing,
          need_u   ? rank + 1
          : need_c ? rank
                   : -1,
          need_metric);
      Tensor of_u, of_c;
      if (need_u) {
        auto [vector, head] = contract(c, more);
        if (s.defined()) {
          const std::int64_t needed = rank_of_columns(s, "tangents") + 1;
          check_rank(needed, choices.order);
          vector = vector + std::get<0>(contract(s, derivatives));
        }
        of_u = structure_scale(vector, seed, structure);
        of_c = head;
      } else if (need_c) {
        of_c = more;
      }
      if (need_c) {
        if (v.defined()) of_c = of_c + lower(derivatives, v.contiguous(), rank);
        of_c = structure_scale(of_c, seed, structure);
      }
      if (need_metric) of_metric = of_metric * seed.view({-1, 1, 1});
      results = {of_u, of_c, of_metric, of_seed};
    }
    for (int i = 0; i < 4; ++i)
      if (ctx->needs_input_grad(i)) outputs[i] = once_more_at_most(results[i], depends_on, no_third);
    return outputs;
  }
};

struct Sum : Function<Sum> {
  static Tensor forward(AutogradContext* ctx, const Tensor& u, const Tensor& c, const Tensor& metric,
                        const Tensor& structure, const Choices& choices) {
    const auto [sums, spectrum] = call_operator<decltype(forward_cpu)>(
        "hotpp_lr::_mesh_sum_forward", u, c, metric, structure, choices.mesh, choices.order,
        choices.deconvolution, choices.kernel, choices.smearing, true);
    ctx->save_for_backward({u, c, metric, structure, spectrum});
    choices.save(ctx);
    return sums;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &u = saved[0], &c = saved[1], &metric = saved[2];
    const bool want_u = ctx->needs_input_grad(0), want_c = ctx->needs_input_grad(1),
               want_metric = ctx->needs_input_grad(2);
    const Choices choices = Choices::load(ctx);
    // What the derivative itself needs, and one rank more where it will be differentiated again.
    std::int64_t rank = rank_of_columns(c, "coefficients") + (want_u ? 1 : 0);
    check_rank(rank, choices.order);
    if (at::GradMode::is_enabled() && u.requires_grad() && rank < pme::max_rank &&
        choices.order >= pme::lowest_order(static_cast<int>(rank + 1)))
      ++rank;
    auto& kept = ctx->saved_data;
    if (!kept.count("derivatives") || kept["rank"].toInt() < rank ||
        (want_metric && !kept.count("moments"))) {
      at::NoGradGuard below;
      const auto [derivatives, moments] = call_operator<decltype(gradient_cpu)>(
          "hotpp_lr::_mesh_sum_gradient", u, saved[4], metric, saved[3], choices.mesh, choices.order,
          choices.deconvolution, choices.kernel, choices.smearing, rank, want_metric);
      kept["derivatives"] = derivatives;
      kept["rank"] = rank;
      if (want_metric) kept["moments"] = moments;
    }
    const variable_list gradient = Gradient::apply(
        u, c, metric, seeds[0].contiguous(), saved[3], saved[4], kept["derivatives"].toTensor(),
        want_metric ? std::optional<Tensor>(kept["moments"].toTensor()) : std::nullopt, choices, want_u,
        want_c, want_metric);
    variable_list outputs(5);
    auto next = gradient.begin();
    if (want_u) outputs[0] = *next++;
    if (want_c) outputs[1] = *next++;
    if (want_metric) outputs[2] = *next++;
    return outputs;
  }
};

Tensor sum_cpu(const Tensor& u, const Tensor& c, const Tensor& metric, const Tensor& structure,
               const Tensor& mesh, std::int64_t order, Text deconvolution, Text kernel, double smearing) {
  return std::get<0>(
      forward_cpu(u, c, metric, structure, mesh, order, deconvolution, kernel, smearing, false));
}

Tensor sum_autograd(const Tensor& u, const Tensor& c, const Tensor& metric, const Tensor& structure,
                    const Tensor& mesh, std::int64_t order, Text deconvolution, Text kernel,
                    double smearing) {
  if (!at::GradMode::is_enabled() || !(u.requires_grad() || c.requires_grad() || metric.requires_grad()))
    return call_operator<decltype(sum_cpu)>("hotpp_lr::mesh_sum", u, c, metric, structure, mesh, order,
                                            deconvolution, kernel, smearing);
  return Sum::apply(u.contiguous(), c.contiguous(), metric.contiguous(), structure.contiguous(),
                    Choices{mesh, order, std::string(deconvolution), std::string(kernel), smearing});
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(hotpp_lr, m) {
  m.def("mesh_sum(Tensor u, Tensor coefficients, Tensor metric, Tensor structure, " HOTPP_CHOICES
        ") -> Tensor");
  m.def("_mesh_sum_forward(Tensor u, Tensor coefficients, Tensor metric, Tensor structure, " HOTPP_CHOICES
        ", bool want_spectrum) -> (Tensor, Tensor)");
  m.def("_mesh_sum_gradient(Tensor u, Tensor spectrum, Tensor metric, Tensor structure, " HOTPP_CHOICES
        ", int rank, bool want_metric) -> (Tensor, Tensor)");
  m.def(
      "_mesh_sum_second(Tensor u, Tensor? tangents, Tensor spectrum, Tensor metric, Tensor? metric_tangent, "
      "Tensor structure, " HOTPP_CHOICES ", int rank, bool want_metric) -> (Tensor, Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(hotpp_lr, CPU, m) {
  m.impl("mesh_sum", sum_cpu);
  m.impl("_mesh_sum_forward", forward_cpu);
  m.impl("_mesh_sum_gradient", gradient_cpu);
  m.impl("_mesh_sum_second", second_cpu);
}
TORCH_LIBRARY_IMPL(hotpp_lr, Autograd, m) { m.impl("mesh_sum", sum_autograd); }

}  // namespace hotpp::ops
