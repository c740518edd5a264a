// SPDX-License-Identifier: GPL-2.0-or-later
//
// The device on which the operators of this directory run. Two libraries are made of the same sources, one
// with each backend: libhotpp_ops_cuda.so (cuda_backend.cpp) and, for tests without a device,
// libhotpp_ops_emulated.so (emulated_backend.cpp), whose device memory is that of the CPU.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>

#include <memory>

#include "ops/device/message_device.h"
#include "ops/device/update_device.h"
#include "pme/cuda/batch_device.h"

namespace hotpp::ops {

// The device of a tensor is the current one while this lives; work goes to torch's current stream on it.
class OnDevice {
 public:
  explicit OnDevice(const at::Tensor& tensor);

  template <class Real>
  std::unique_ptr<pme::cuda::BatchDevice<Real>> mesh() const;
  template <class Real>
  std::unique_ptr<device::MessageDevice<Real>> messages() const;
  template <class Real>
  std::unique_ptr<device::UpdateDevice<Real>> updates() const;

 private:
  c10::OptionalDeviceGuard guard_;
  int index_ = 0;
  void* stream_ = nullptr;
};

}  // namespace hotpp::ops
