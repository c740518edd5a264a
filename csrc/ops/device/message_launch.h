// SPDX-License-Identifier: GPL-2.0-or-later
//
// MessageDevice by the kernels of message_kernels.h; Device: launches kernels (CUDA, or emulated).
#pragma once

#include <stdexcept>

#include "ops/device/message_device.h"

namespace hotpp::ops::device {

// Calls f with ranks as compile-time constants, and with a number of the type that the kernels calculate
// with.
template <class Real, class F>
void with_kind(const MessageKind& kind, const F& f) {
  const auto with_out = [&](auto in) {
    const auto with_number = [&](auto out) {
      if (kind.tangent)
        f(in, out, Dual<Real>{});
      else
        f(in, out, Real{});
    };
    if (kind.rank_out == 0) with_number(std::integral_constant<int, 0>{});
    if (kind.rank_out == 1) with_number(std::integral_constant<int, 1>{});
    if (kind.rank_out == 2) with_number(std::integral_constant<int, 2>{});
  };
  if (kind.rank_in == 0) with_out(std::integral_constant<int, 0>{});
  if (kind.rank_in == 1) with_out(std::integral_constant<int, 1>{});
  if (kind.rank_in == 2) with_out(std::integral_constant<int, 2>{});
}

template <class Real, class Device>
class MessageLauncher : public MessageDevice<Real> {
 public:
  explicit MessageLauncher(const Device& device) : device_(device) {}

  void messages(MessageKind kind, const MessageArrays<Real>& in, const EdgeGroups& by_receiver,
                Real* messages) override {
    with_kind<Real>(kind, [&](auto a, auto b, auto number) {
      launch(SumMessages<decltype(a)::value, decltype(b)::value, decltype(number), Real>{
          {}, in, by_receiver, messages});
    });
  }
  void feature_gradients(MessageKind kind, const MessageArrays<Real>& in, const EdgeGroups& by_sender,
                         Real* gradient) override {
    with_kind<Real>(kind, [&](auto a, auto b, auto number) {
      launch(SumFeatureGradients<decltype(a)::value, decltype(b)::value, decltype(number), Real>{
          {}, in, by_sender, gradient});
    });
  }
  void edge_gradients(MessageKind kind, const MessageArrays<Real>& in, Real* gradient) override {
    with_kind<Real>(kind, [&](auto a, auto b, auto number) {
      launch(SumEdgeGradients<decltype(a)::value, decltype(b)::value, decltype(number), Real>{in, gradient});
    });
  }
  void find_knots(const MessageArrays<Real>& in, std::int64_t* knots) override {
    launch(FindKnots<Real>{in, knots});
  }
  void table_gradients(MessageKind kind, const MessageArrays<Real>& in, const EdgeGroups& by_knot, int parts,
                       Real* partial, Real* gradient) override {
    with_kind<Real>(kind, [&](auto a, auto b, auto number) {
      using Kernel = SumTableGradients<decltype(a)::value, decltype(b)::value, decltype(number), Real>;
      launch(Kernel{in, by_knot, parts, partial});
      launch(FinishTableGradients<Real>{partial, in.shape.knots, parts,
                                        static_cast<std::int64_t>(Kernel::paths) * in.channels, gradient});
    });
  }

 private:
  template <class Kernel>
  void launch(const Kernel& kernel) {
    const std::int64_t blocks = kernel.grid();
    if (blocks > 2147483647)
      throw std::invalid_argument("tensor_message needs more than 2^31 blocks of threads: use fewer edges.");
    if (blocks > 0) device_.launch(kernel, static_cast<int>(blocks));
  }

  Device device_;
};

}  // namespace hotpp::ops::device
