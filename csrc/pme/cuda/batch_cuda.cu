// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cuda/batch_kernels.h"
#include "pme/cuda/cuda_device.cuh"

namespace hotpp::pme::cuda {

template <class Real>
std::unique_ptr<BatchDevice<Real>> cuda_batch_device(int device, void* stream) {
  // this copy of the CUDA runtime may not have been told yet
  check_cuda(cudaSetDevice(device), "choosing a device");
  CudaLauncher launcher;
  launcher.set_stream(static_cast<cudaStream_t>(stream));
  return std::make_unique<BatchKernels<Real, CudaLauncher>>(launcher);
}

template std::unique_ptr<BatchDevice<float>> cuda_batch_device(int, void*);
template std::unique_ptr<BatchDevice<double>> cuda_batch_device(int, void*);

}  // namespace hotpp::pme::cuda
