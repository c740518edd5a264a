// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operators hotpp_lr::mesh_spread and mesh_gather and their place in autograd. They are adjoint, and the
// derivative of either in the mesh coordinates needs the other with one rank more:
//
//   d<m, spread_L(u, c)> = <dc, gather_L(u, m)> + du · contract(c, gather_(L+1)(u, m))
//
// so every further derivative is made of the same operators, as long as the ranks last.
//
// Kernels for another device are registered from ops/device, in a library of their own. `mesh` stays on the
// CPU. Everything else here and in multipole_products.cpp, structure_maps.cpp follows the device of its
// arguments; electrostatics/backend.py asks the dispatcher which devices there are.
#include "ops/mesh_assignment.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/choices.h"
#include "ops/multipole_products.h"

namespace hotpp::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

Tensor spread_cpu(const Tensor& u, const Tensor& coefficients, const Tensor& structure, const Tensor& mesh,
                  std::int64_t order) {
  return mesh_spread_cpu(u.contiguous(), coefficients.contiguous(), structure, mesh, order);
}

Tensor gather_cpu(const Tensor& u, const Tensor& values, const Tensor& structure, const Tensor& mesh,
                  std::int64_t order, std::int64_t rank) {
  return mesh_gather_cpu(u.contiguous(), values.contiguous(), structure, mesh, order, rank);
}

// Where the atoms are: what both operators share.
struct Places {
  Tensor structure, mesh;
  std::int64_t order;

  void save(AutogradContext* ctx) const {
    ctx->saved_data["structure"] = structure;
    ctx->saved_data["mesh"] = mesh;
    ctx->saved_data["order"] = order;
  }
  static Places load(AutogradContext* ctx) {
    return {ctx->saved_data["structure"].toTensor(), ctx->saved_data["mesh"].toTensor(),
            ctx->saved_data["order"].toInt()};
  }
};

struct Spread : Function<Spread> {
  static Tensor forward(AutogradContext* ctx, const Tensor& u, const Tensor& coefficients,
                        const Places& places) {
    ctx->save_for_backward({u, coefficients});
    places.save(ctx);
    return call_operator<decltype(spread_cpu)>("hotpp_lr::mesh_spread", u, coefficients, places.structure,
                                               places.mesh, places.order);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& seeds);
};

struct Gather : Function<Gather> {
  static Tensor forward(AutogradContext* ctx, const Tensor& u, const Tensor& values, const Places& places,
                        std::int64_t rank) {
    ctx->save_for_backward({u, values});
    places.save(ctx);
    ctx->saved_data["rank"] = rank;
    return call_operator<decltype(gather_cpu)>("hotpp_lr::mesh_gather", u, values, places.structure,
                                               places.mesh, places.order, rank);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &u = saved[0], &values = saved[1], seed = seeds[0].contiguous();
    const Places places = Places::load(ctx);
    variable_list outputs(4);
    if (ctx->needs_input_grad(0))
      outputs[0] = std::get<0>(contract(seed, apply(u, values, places, ctx->saved_data["rank"].toInt() + 1)));
    if (ctx->needs_input_grad(1)) outputs[1] = Spread::apply(u, seed, places);
    return outputs;
  }
};

variable_list Spread::backward(AutogradContext* ctx, const variable_list& seeds) {
  const variable_list saved = ctx->get_saved_variables();
  const Tensor &u = saved[0], &coefficients = saved[1], seed = seeds[0].contiguous();
  const Places places = Places::load(ctx);
  const std::int64_t rank = rank_of_columns(coefficients, "coefficients");
  variable_list outputs(3);
  if (ctx->needs_input_grad(0)) {
    auto [of_u, of_coefficients] = contract(coefficients, Gather::apply(u, seed, places, rank + 1));
    outputs[0] = of_u;
    if (ctx->needs_input_grad(1)) outputs[1] = of_coefficients;
  } else {
    outputs[1] = Gather::apply(u, seed, places, rank);
  }
  return outputs;
}

Tensor spread_autograd(const Tensor& u, const Tensor& coefficients, const Tensor& structure,
                       const Tensor& mesh, std::int64_t order) {
  // Made contiguous outside the autograd function, so that what it saves is still linked to its origin.
  return Spread::apply(u.contiguous(), coefficients.contiguous(), Places{structure, mesh, order});
}

Tensor gather_autograd(const Tensor& u, const Tensor& values, const Tensor& structure, const Tensor& mesh,
                       std::int64_t order, std::int64_t rank) {
  return Gather::apply(u.contiguous(), values.contiguous(), Places{structure, mesh, order}, rank);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(hotpp_lr, m) {
  m.def("mesh_spread(Tensor u, Tensor coefficients, Tensor structure, Tensor mesh, int order) -> Tensor");
  m.def("mesh_gather(Tensor u, Tensor values, Tensor structure, Tensor mesh, int order, int rank) -> Tensor");
}
TORCH_LIBRARY_IMPL(hotpp_lr, CPU, m) {
  m.impl("mesh_spread", spread_cpu);
  m.impl("mesh_gather", gather_cpu);
}
TORCH_LIBRARY_IMPL(hotpp_lr, Autograd, m) {
  m.impl("mesh_spread", spread_autograd);
  m.impl("mesh_gather", gather_autograd);
}

}  // namespace hotpp::ops
