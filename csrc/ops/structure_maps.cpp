// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/structure_maps.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace hotpp::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

const std::int64_t* owners(const Tensor& structure) { return structure.const_data_ptr<std::int64_t>(); }

// The same with torch's operations, for other devices.
Tensor map_anywhere(const Tensor& x, const Tensor& transform, const Tensor& structure, bool transposed) {
  const Tensor mine = transform.index_select(0, structure);
  return at::einsum(transposed ? "nb,nab->na" : "na,nab->nb", {x.to(at::kDouble), mine});
}
Tensor outer_anywhere(const Tensor& x, const Tensor& y, const Tensor& structure, std::int64_t n_structures) {
  const Tensor products = x.to(at::kDouble).unsqueeze(2) * y.to(at::kDouble).unsqueeze(1);
  return at::zeros({n_structures, 3, 3}, products.options()).index_add_(0, structure, products);
}
Tensor dot_anywhere(const Tensor& x, const Tensor& y, const Tensor& structure, std::int64_t n_structures) {
  const Tensor products = (x.to(at::kDouble) * y.to(at::kDouble)).sum(1);
  return at::zeros({n_structures}, products.options()).index_add_(0, structure, products);
}
Tensor scale_anywhere(const Tensor& x, const Tensor& e, const Tensor& structure) {
  return (x * e.index_select(0, structure).unsqueeze(1)).to(x.scalar_type());
}

Tensor map_values(const Tensor& x, const Tensor& transform, const Tensor& structure, bool transposed) {
  if (!x.is_cpu()) return map_anywhere(x, transform, structure, transposed);
  Tensor result = at::empty(x.sizes(), x.options().dtype(at::kDouble));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "structure_map", [&] {
    const scalar_t* const from = x.const_data_ptr<scalar_t>();
    const double* const matrices = transform.const_data_ptr<double>();
    double* const to = result.mutable_data_ptr<double>();
    const std::int64_t* const owner = owners(structure);
    const int down = transposed ? 1 : 3, across = transposed ? 3 : 1;
    const std::int64_t n = x.size(0);
    for (std::int64_t i = 0; i < n; ++i) {
      const double* const t = matrices + 9 * owner[i];
      for (int b = 0; b < 3; ++b) {
        double sum = 0.0;
        for (int a = 0; a < 3; ++a) sum += from[3 * i + a] * t[down * a + across * b];
        to[3 * i + b] = sum;
      }
    }
  });
  return result;
}

Tensor outer_values(const Tensor& x, const Tensor& y, const Tensor& structure, std::int64_t n_structures) {
  if (!x.is_cpu()) return outer_anywhere(x, y, structure, n_structures);
  const Tensor a = x.to(at::kDouble), b = y.to(at::kDouble);
  Tensor result = at::zeros({n_structures, 3, 3}, a.options());
  const double *const ap = a.const_data_ptr<double>(), *const bp = b.const_data_ptr<double>();
  double* const to = result.mutable_data_ptr<double>();
  const std::int64_t* const owner = owners(structure);
  const std::int64_t n = x.size(0);
  for (std::int64_t i = 0; i < n; ++i)
    for (int c = 0; c < 9; ++c) to[9 * owner[i] + c] += ap[3 * i + c / 3] * bp[3 * i + c % 3];
  return result;
}

Tensor dot_values(const Tensor& x, const Tensor& y, const Tensor& structure, std::int64_t n_structures) {
  if (!x.is_cpu()) return dot_anywhere(x, y, structure, n_structures);
  Tensor result = at::zeros({n_structures}, x.options().dtype(at::kDouble));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "structure_dot", [&] {
    const scalar_t *const xp = x.const_data_ptr<scalar_t>(), *const yp = y.const_data_ptr<scalar_t>();
    double* const to = result.mutable_data_ptr<double>();
    const std::int64_t* const owner = owners(structure);
    const std::int64_t n = x.size(0), columns = x.size(1);
    for (std::int64_t i = 0; i < n; ++i) {
      double sum = 0.0;
      for (std::int64_t c = 0; c < columns; ++c)
        sum += static_cast<double>(xp[i * columns + c]) * static_cast<double>(yp[i * columns + c]);
      to[owner[i]] += sum;
    }
  });
  return result;
}

Tensor scale_values(const Tensor& x, const Tensor& e, const Tensor& structure) {
  if (!x.is_cpu()) return scale_anywhere(x, e, structure);
  Tensor result = at::empty_like(x);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "structure_scale", [&] {
    const scalar_t* const from = x.const_data_ptr<scalar_t>();
    const double* const factors = e.const_data_ptr<double>();
    scalar_t* const to = result.mutable_data_ptr<scalar_t>();
    const std::int64_t* const owner = owners(structure);
    const std::int64_t n = x.size(0), columns = x.size(1);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t c = 0; c < columns; ++c)
        to[i * columns + c] = static_cast<scalar_t>(from[i * columns + c] * factors[owner[i]]);
  });
  return result;
}

// All at once without autograd, for the test that compares both ways.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> products(const Tensor& x, const Tensor& y,
                                                            const Tensor& transform, const Tensor& e,
                                                            const Tensor& structure, bool anywhere) {
  const std::int64_t n = e.size(0);
  if (anywhere)
    return {map_anywhere(x, transform, structure, false), map_anywhere(x, transform, structure, true),
            outer_anywhere(x, y, structure, n), dot_anywhere(x, y, structure, n),
            scale_anywhere(x, e, structure)};
  return {map_values(x, transform, structure, false), map_values(x, transform, structure, true),
          outer_values(x, y, structure, n), dot_values(x, y, structure, n), scale_values(x, e, structure)};
}

struct Map : Function<Map> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& transform,
                        const Tensor& structure, bool transposed) {
    at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({x, transform, structure});
    ctx->saved_data["transposed"] = transposed;
    return map_values(x, transform, structure, transposed);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const bool transposed = ctx->saved_data["transposed"].toBool();
    const Tensor seed = seeds[0].contiguous();
    variable_list outputs(4);
    if (ctx->needs_input_grad(0))
      outputs[0] = structure_map(seed, saved[1], saved[2], !transposed).to(saved[0].scalar_type());
    if (ctx->needs_input_grad(1))
      outputs[1] = transposed ? structure_outer(seed, saved[0], saved[2], saved[1].size(0))
                              : structure_outer(saved[0], seed, saved[2], saved[1].size(0));
    return outputs;
  }
};

struct Outer : Function<Outer> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& y, const Tensor& structure,
                        std::int64_t n_structures) {
    at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({x, y, structure});
    return outer_values(x, y, structure, n_structures);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor seed = seeds[0].contiguous();
    variable_list outputs(4);
    if (ctx->needs_input_grad(0))
      outputs[0] = structure_map(saved[1], seed, saved[2], true).to(saved[0].scalar_type());
    if (ctx->needs_input_grad(1))
      outputs[1] = structure_map(saved[0], seed, saved[2], false).to(saved[1].scalar_type());
    return outputs;
  }
};

struct Dot : Function<Dot> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& y, const Tensor& structure,
                        std::int64_t n_structures) {
    at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({x, y, structure});
    return dot_values(x, y, structure, n_structures);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor seed = seeds[0].contiguous();
    variable_list outputs(4);
    if (ctx->needs_input_grad(0)) outputs[0] = structure_scale(saved[1], seed, saved[2]);
    if (ctx->needs_input_grad(1)) outputs[1] = structure_scale(saved[0], seed, saved[2]);
    return outputs;
  }
};

struct Scale : Function<Scale> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& e, const Tensor& structure) {
    at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({x, e, structure});
    return scale_values(x, e, structure);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor seed = seeds[0].contiguous();
    variable_list outputs(3);
    if (ctx->needs_input_grad(0)) outputs[0] = structure_scale(seed, saved[1], saved[2]);
    if (ctx->needs_input_grad(1)) outputs[1] = structure_dot(saved[0], seed, saved[2], saved[1].size(0));
    return outputs;
  }
};

void check_owners(const Tensor& structure, std::int64_t n_atoms, std::int64_t n_structures) {
  TORCH_CHECK_VALUE(
      structure.dim() == 1 && structure.size(0) == n_atoms && structure.scalar_type() == at::kLong,
      "structure has shape ", structure.sizes(), ", type ", structure.scalar_type(), ": expected int64 [",
      n_atoms, "].");
  if (!structure.is_cpu()) return;
  const std::int64_t* const owner = owners(structure);
  for (std::int64_t i = 0; i < n_atoms; ++i)
    TORCH_CHECK_VALUE(owner[i] >= 0 && owner[i] < n_structures, "atom ", i, " belongs to structure ",
                      owner[i], ", but there are ", n_structures, ": number the structures from 0.");
}

// What Python calls: with checks, and contiguous.
Tensor checked_map(const Tensor& x, const Tensor& transform, const Tensor& structure) {
  TORCH_CHECK_VALUE(x.dim() == 2 && x.size(1) == 3, "vectors have shape ", x.sizes(),
                    ": expected [n_atoms, 3].");
  TORCH_CHECK_VALUE(transform.dim() == 3 && transform.size(1) == 3 && transform.size(2) == 3 &&
                        transform.scalar_type() == at::kDouble,
                    "transform has shape ", transform.sizes(), ", type ", transform.scalar_type(),
                    ": expected float64 [n_structures, 3, 3].");
  const Tensor of = structure.contiguous();
  check_owners(of, x.size(0), transform.size(0));
  return structure_map(x.contiguous(), transform.contiguous(), of, false);
}

Tensor checked_dot(const Tensor& x, const Tensor& y, const Tensor& structure, std::int64_t n_structures) {
  TORCH_CHECK_VALUE(x.dim() == 2 && x.sizes() == y.sizes() && x.scalar_type() == y.scalar_type(),
                    "vectors have shapes ", x.sizes(), " and ", y.sizes(), ", types ", x.scalar_type(),
                    " and ", y.scalar_type(), ": expected the same [n_atoms, k] of one type.");
  const Tensor of = structure.contiguous();
  check_owners(of, x.size(0), n_structures);
  return structure_dot(x.contiguous(), y.contiguous(), of, n_structures);
}

}  // namespace

Tensor structure_map(const Tensor& x, const Tensor& transform, const Tensor& structure, bool transposed) {
  return Map::apply(x, transform, structure, transposed);
}
Tensor structure_outer(const Tensor& x, const Tensor& y, const Tensor& structure, std::int64_t n_structures) {
  return Outer::apply(x, y, structure, n_structures);
}
Tensor structure_dot(const Tensor& x, const Tensor& y, const Tensor& structure, std::int64_t n_structures) {
  return Dot::apply(x, y, structure, n_structures);
}
Tensor structure_scale(const Tensor& x, const Tensor& e, const Tensor& structure) {
  return Scale::apply(x, e, structure);
}

TORCH_LIBRARY_FRAGMENT(hotpp_lr, m) {
  m.def("structure_map(Tensor x, Tensor transform, Tensor structure) -> Tensor", &checked_map);
  m.def(
      "_structure_products(Tensor x, Tensor y, Tensor transform, Tensor e, Tensor structure, bool anywhere) "
      "-> "
      "(Tensor, Tensor, Tensor, Tensor, Tensor)",
      &products);
  m.def("structure_dot(Tensor x, Tensor y, Tensor structure, int n_structures) -> Tensor", &checked_dot);
}

}  // namespace hotpp::ops
