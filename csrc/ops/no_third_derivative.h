// SPDX-License-Identifier: GPL-2.0-or-later
//
// The end of a chain of hand-written derivatives: without it the next one would be taken of constants, that
// is, be silently zero.
#pragma once

#include <torch/csrc/autograd/custom_function.h>

#include <string>

namespace hotpp::ops {

struct NoThirdDerivative : torch::autograd::Function<NoThirdDerivative> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& gradient,
                            at::TensorList /*depends_on*/, const std::string& message) {
    context->saved_data["message"] = message;
    return gradient;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list&) {
    TORCH_CHECK(false, context->saved_data["message"].toStringRef());
  }
};

// The gradient itself; differentiating it further is an error with this message.
inline at::Tensor once_more_at_most(const at::Tensor& gradient, at::TensorList depends_on,
                                    const char* message) {
  return at::GradMode::is_enabled() ? NoThirdDerivative::apply(gradient, depends_on, std::string(message))
                                    : gradient;
}

}  // namespace hotpp::ops
