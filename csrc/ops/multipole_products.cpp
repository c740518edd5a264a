// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/multipole_products.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace hotpp::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Component j + a: the order is value; x y z; xx yy zz xy xz yz; xxx yyy zzz xxy xxz xyy yyz xzz yzz xyz.
constexpr std::int64_t raised[10][3] = {{1, 2, 3},    {4, 7, 8},    {7, 5, 9},    {8, 9, 6},    {10, 13, 14},
                                        {15, 11, 16}, {17, 18, 12}, {13, 15, 19}, {14, 19, 17}, {19, 16, 18}};
constexpr std::int64_t atoms_per_task = 4096;

template <class F>
void with_components(std::int64_t n, const F& f) {
  switch (n) {
    case 1:
      return f(std::integral_constant<int, 1>());
    case 4:
      return f(std::integral_constant<int, 4>());
    default:
      return f(std::integral_constant<int, 10>());
  }
}

std::tuple<Tensor, Tensor> contract_cpu(const Tensor& c, const Tensor& d) {
  const std::int64_t n = c.size(0), columns = c.size(1), more = d.size(1);
  Tensor vector = at::empty({n, 3}, c.options().dtype(at::kDouble)), head = at::empty_like(c);
  AT_DISPATCH_FLOATING_TYPES(c.scalar_type(), "contract", [&] {
    const scalar_t *const cp = c.const_data_ptr<scalar_t>(), *const dp = d.const_data_ptr<scalar_t>();
    double* const v = vector.mutable_data_ptr<double>();
    scalar_t* const h = head.mutable_data_ptr<scalar_t>();
    with_components(columns, [&](auto number) {
      constexpr int J = decltype(number)::value;
      at::parallel_for(0, n, atoms_per_task, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const scalar_t *const ci = cp + i * J, *const di = dp + i * more;
          double sum[3] = {};
          for (int j = 0; j < J; ++j) {
            h[i * J + j] = di[j];
            for (int a = 0; a < 3; ++a) sum[a] += static_cast<double>(ci[j]) * di[raised[j][a]];
          }
          for (int a = 0; a < 3; ++a) v[3 * i + a] = sum[a];
        }
      });
    });
  });
  return {vector, head};
}

Tensor promote_cpu(const Tensor& c, const Tensor& v, const Tensor& add) {
  const std::int64_t n = c.size(0), columns = c.size(1);
  Tensor result = at::empty({n, components(rank_of_columns(c, "coefficients") + 1)}, c.options());
  AT_DISPATCH_FLOATING_TYPES(c.scalar_type(), "promote", [&] {
    const scalar_t* const cp = c.const_data_ptr<scalar_t>();
    const scalar_t* const ap = add.defined() ? add.const_data_ptr<scalar_t>() : nullptr;
    const double* const vp = v.const_data_ptr<double>();
    scalar_t* const out = result.mutable_data_ptr<scalar_t>();
    with_components(columns, [&](auto number) {
      constexpr int J = decltype(number)::value, more = J == 1 ? 4 : J == 4 ? 10 : 20;
      at::parallel_for(0, n, atoms_per_task, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          double sum[more] = {};
          for (int j = 0; j < J; ++j) {
            if (ap) sum[j] += ap[i * J + j];
            for (int a = 0; a < 3; ++a) sum[raised[j][a]] += cp[i * J + j] * vp[3 * i + a];
          }
          for (int k = 0; k < more; ++k) out[i * more + k] = static_cast<scalar_t>(sum[k]);
        }
      });
    });
  });
  return result;
}

Tensor lower_cpu(const Tensor& d, const Tensor& v, std::int64_t rank) {
  const std::int64_t n = d.size(0), more = d.size(1);
  Tensor result = at::empty({n, components(rank)}, d.options());
  AT_DISPATCH_FLOATING_TYPES(d.scalar_type(), "lower", [&] {
    const scalar_t* const dp = d.const_data_ptr<scalar_t>();
    const double* const vp = v.const_data_ptr<double>();
    scalar_t* const out = result.mutable_data_ptr<scalar_t>();
    with_components(result.size(1), [&](auto number) {
      constexpr int J = decltype(number)::value;
      at::parallel_for(0, n, atoms_per_task, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          for (int j = 0; j < J; ++j) {
            double sum = 0.0;
            for (int a = 0; a < 3; ++a) sum += dp[i * more + raised[j][a]] * vp[3 * i + a];
            out[i * J + j] = static_cast<scalar_t>(sum);
          }
      });
    });
  });
  return result;
}

// Other devices: the same from torch's operations.
Tensor raised_columns(const Tensor& d, std::int64_t columns, int axis) {
  std::vector<std::int64_t> index;
  for (std::int64_t j = 0; j < columns; ++j) index.push_back(raised[j][axis]);
  return d.index_select(1, at::tensor(index, d.options().dtype(at::kLong)));
}

std::tuple<Tensor, Tensor> contract_anywhere(const Tensor& c, const Tensor& d) {
  std::vector<Tensor> sums;
  for (int a = 0; a < 3; ++a)
    sums.push_back((c * raised_columns(d, c.size(1), a)).sum(1, false, at::kDouble));
  return {at::stack(sums, 1), d.narrow(1, 0, c.size(1)).contiguous()};
}

Tensor promote_anywhere(const Tensor& c, const Tensor& v, const Tensor& add) {
  const std::int64_t columns = c.size(1);
  Tensor result = at::zeros({c.size(0), components(rank_of_columns(c, "coefficients") + 1)}, c.options());
  if (add.defined()) result.narrow(1, 0, columns).copy_(add);
  for (int a = 0; a < 3; ++a) {
    std::vector<std::int64_t> index;
    for (std::int64_t j = 0; j < columns; ++j) index.push_back(raised[j][a]);
    result.index_add_(1, at::tensor(index, c.options().dtype(at::kLong)),
                      c * v.select(1, a).unsqueeze(1).to(c));
  }
  return result;
}

Tensor lower_anywhere(const Tensor& d, const Tensor& v, std::int64_t rank) {
  const std::int64_t columns = components(rank);
  Tensor result = at::zeros({d.size(0), columns}, d.options());
  for (int a = 0; a < 3; ++a) result += raised_columns(d, columns, a) * v.select(1, a).unsqueeze(1).to(d);
  return result;
}

struct Contract : Function<Contract> {
  static variable_list forward(AutogradContext* ctx, const Tensor& c, const Tensor& d) {
    at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({c, d});
    ctx->set_materialize_grads(false);
    auto [vector, head] = c.is_cpu() ? contract_cpu(c, d) : contract_anywhere(c, d);
    return {vector, head};
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &c = saved[0], &d = saved[1];
    if (!seeds[0].defined() && !seeds[1].defined()) return {Tensor(), Tensor()};
    const Tensor v = seeds[0].defined() ? seeds[0].contiguous()
                                        : at::zeros({c.size(0), 3}, c.options().dtype(at::kDouble));
    return {ctx->needs_input_grad(0) ? lower(d, v, rank_of_columns(c, "coefficients")) : Tensor(),
            ctx->needs_input_grad(1) ? promote(c, v, seeds[1]) : Tensor()};
  }
};

struct Promote : Function<Promote> {
  static Tensor forward(AutogradContext* ctx, const Tensor& c, const Tensor& v,
                        const std::optional<Tensor>& add) {
    at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({c, v});
    ctx->saved_data["adds"] = add.has_value();
    const Tensor added = add.value_or(Tensor());
    return c.is_cpu() ? promote_cpu(c, v, added) : promote_anywhere(c, v, added);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor seed = seeds[0].contiguous();
    auto [vector, head] = contract(saved[0], seed);
    return {ctx->needs_input_grad(0) ? lower(seed, saved[1], rank_of_columns(saved[0], "coefficients"))
                                     : Tensor(),
            vector, ctx->saved_data["adds"].toBool() ? head : Tensor()};
  }
};

struct Lower : Function<Lower> {
  static Tensor forward(AutogradContext* ctx, const Tensor& d, const Tensor& v, std::int64_t rank) {
    at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({d, v});
    return d.is_cpu() ? lower_cpu(d, v, rank) : lower_anywhere(d, v, rank);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& seeds) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor seed = seeds[0].contiguous();
    return {ctx->needs_input_grad(0) ? promote(seed, saved[1], Tensor()) : Tensor(),
            ctx->needs_input_grad(1) ? std::get<0>(contract(seed, saved[0])) : Tensor(), Tensor()};
  }
};

// All three at once without autograd, for the test that compares both ways.
std::tuple<Tensor, Tensor, Tensor, Tensor> products(const Tensor& c, const Tensor& d, const Tensor& v,
                                                    bool anywhere) {
  const std::int64_t rank = rank_of_columns(c, "coefficients");
  const auto [vector, head] = anywhere ? contract_anywhere(c, d) : contract_cpu(c, d);
  return {vector, head, anywhere ? promote_anywhere(c, v, head) : promote_cpu(c, v, head),
          anywhere ? lower_anywhere(d, v, rank) : lower_cpu(d, v, rank)};
}

}  // namespace

std::int64_t rank_of_columns(const Tensor& components_of_atoms, const char* what) {
  TORCH_CHECK_VALUE(components_of_atoms.dim() == 2, "The ", what, " of the mesh have shape ",
                    components_of_atoms.sizes(), ": expected [n_atoms, 1 | 4 | 10 | 20].");
  for (std::int64_t rank = 0; rank <= pme::max_rank; ++rank)
    if (components_of_atoms.size(1) == components(rank)) return rank;
  TORCH_CHECK_VALUE(false, "The ", what, " of the mesh have shape ", components_of_atoms.sizes(),
                    ": expected [n_atoms, 1 | 4 | 10 | 20], the components up to rank 0, 1, 2 or 3.");
}

std::tuple<Tensor, Tensor> contract(const Tensor& c, const Tensor& d) {
  const variable_list results = Contract::apply(c, d);
  return {results[0], results[1]};
}
Tensor promote(const Tensor& c, const Tensor& v, const Tensor& add) {
  return Promote::apply(c, v, add.defined() ? std::optional<Tensor>(add.contiguous()) : std::nullopt);
}
Tensor lower(const Tensor& d, const Tensor& v, std::int64_t rank) { return Lower::apply(d, v, rank); }

TORCH_LIBRARY_FRAGMENT(hotpp_lr, m) {
  m.def(
      "_multipole_products(Tensor c, Tensor d, Tensor v, bool anywhere) -> (Tensor, Tensor, Tensor, Tensor)",
      &products);
}

}  // namespace hotpp::ops
