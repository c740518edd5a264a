// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operators of a CUDA device, emulated on the CPU: hotpp_lr_emulated::stand_in(true) puts them in the
// place of those of the CPU, so that every test of the operators can run on them.
#include <torch/library.h>

#include <memory>
#include <string>

#include "ops/device/backend.h"
#include "ops/device/emulated_message.h"
#include "ops/device/emulated_update.h"
#include "ops/device/operators.h"
#include "pme/cuda/batch_kernels.h"
#include "pme/cuda/emulated_device.h"

namespace hotpp::ops {
namespace {

using pme::cuda::EmulatedLauncher;
using pme::cuda::Order;

Order thread_order = Order::Forward;
std::unique_ptr<torch::Library> stand_ins;

void stand_in(bool on, std::string_view order) {
  TORCH_CHECK_VALUE(order == "forward" || order == "reverse" || order == "shuffled", "The thread order is '",
                    order, "': choose forward, reverse or shuffled.");
  thread_order = order == "forward" ? Order::Forward : order == "reverse" ? Order::Reverse : Order::Shuffled;
  stand_ins.reset();
  if (!on) return;
  stand_ins = std::make_unique<torch::Library>(torch::Library::IMPL, "hotpp_lr", c10::DispatchKey::CPU,
                                               __FILE__, __LINE__);
  register_operators(*stand_ins);
}

}  // namespace

OnDevice::OnDevice(const at::Tensor&) {}

template <class Real>
std::unique_ptr<pme::cuda::BatchDevice<Real>> OnDevice::mesh() const {
  return std::make_unique<pme::cuda::BatchKernels<Real, EmulatedLauncher>>(EmulatedLauncher(thread_order));
}
template std::unique_ptr<pme::cuda::BatchDevice<float>> OnDevice::mesh() const;
template std::unique_ptr<pme::cuda::BatchDevice<double>> OnDevice::mesh() const;

template <class Real>
std::unique_ptr<device::MessageDevice<Real>> OnDevice::messages() const {
  return device::emulated_message_device<Real>(thread_order);
}
template std::unique_ptr<device::MessageDevice<float>> OnDevice::messages() const;
template std::unique_ptr<device::MessageDevice<double>> OnDevice::messages() const;

template <class Real>
std::unique_ptr<device::UpdateDevice<Real>> OnDevice::updates() const {
  return device::emulated_update_device<Real>(thread_order);
}
template std::unique_ptr<device::UpdateDevice<float>> OnDevice::updates() const;
template std::unique_ptr<device::UpdateDevice<double>> OnDevice::updates() const;

TORCH_LIBRARY(hotpp_lr_emulated, m) { m.def("stand_in(bool on, str order) -> ()", &stand_in); }

}  // namespace hotpp::ops
