// SPDX-License-Identifier: GPL-2.0-or-later
// One source file per precision includes this, so that they compile side by side.
#pragma once

#include "ops/device/update_launch.h"
#include "pme/cuda/cuda_device.cuh"

namespace hotpp::ops::device {

template <class Real>
std::unique_ptr<UpdateDevice<Real>> cuda_update_device(int device, void* stream) {
  using pme::cuda::check_cuda;
  // this copy of the CUDA runtime may not have been told yet
  check_cuda(cudaSetDevice(device), "choosing a device");
  int shared = 0;
  check_cuda(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
             "asking for the size of shared memory");
  pme::cuda::CudaLauncher launcher;
  launcher.set_stream(static_cast<cudaStream_t>(stream));
  return std::make_unique<UpdateLauncher<Real, pme::cuda::CudaLauncher>>(launcher,
                                                                         static_cast<std::size_t>(shared));
}

}  // namespace hotpp::ops::device
