// SPDX-License-Identifier: GPL-2.0-or-later
// One source file per precision includes this, so that they compile side by side.
#pragma once

#include "ops/device/message_launch.h"
#include "pme/cuda/cuda_device.cuh"

namespace hotpp::ops::device {

template <class Real>
std::unique_ptr<MessageDevice<Real>> cuda_message_device(int device, void* stream) {
  // this copy of the CUDA runtime may not have been told yet
  pme::cuda::check_cuda(cudaSetDevice(device), "choosing a device");
  pme::cuda::CudaLauncher launcher;
  launcher.set_stream(static_cast<cudaStream_t>(stream));
  return std::make_unique<MessageLauncher<Real, pme::cuda::CudaLauncher>>(launcher);
}

}  // namespace hotpp::ops::device
