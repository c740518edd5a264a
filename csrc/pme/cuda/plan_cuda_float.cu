// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cuda/plan_cuda.cuh"

namespace hotpp::pme::cuda {

template class CudaPlan<float>;

int device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return count;
}

}  // namespace hotpp::pme::cuda
