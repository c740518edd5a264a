// SPDX-License-Identifier: GPL-2.0-or-later
//
// The arguments of the mesh operators that are no variables, on their way from forward to backward.
#pragma once

#include <torch/csrc/autograd/custom_function.h>

#include <string>

namespace hotpp::ops {

#define HOTPP_CHOICES "Tensor mesh, int order, str deconvolution, str kernel, float smearing"

struct Choices {
  at::Tensor mesh;  // [S, 3] int64 on the CPU
  std::int64_t order;
  std::string deconvolution, kernel;
  double smearing;

  void save(torch::autograd::AutogradContext* ctx) const {
    auto& data = ctx->saved_data;
    data["mesh"] = mesh;
    data["order"] = order;
    data["deconvolution"] = deconvolution;
    data["kernel"] = kernel;
    data["smearing"] = smearing;
  }
  static Choices load(torch::autograd::AutogradContext* ctx) {
    auto& data = ctx->saved_data;
    return {data["mesh"].toTensor(), data["order"].toInt(), data["deconvolution"].toStringRef(),
            data["kernel"].toStringRef(), data["smearing"].toDouble()};
  }
};

// Calls an operator by name below autograd, so that the kernel of the tensors' device runs.
template <class Signature, class... Arguments>
auto call_operator(const char* name, const Arguments&... arguments) {
  at::AutoDispatchBelowADInplaceOrView below;
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>().call(arguments...);
}

}  // namespace hotpp::ops
