// SPDX-License-Identifier: GPL-2.0-or-later
// The Block of pme/cuda/block.h on a CUDA device. Compiled, not yet run on a device.
#pragma once

#include <cuda_runtime.h>

#include "pme/cuda/block.h"

namespace hotpp::pme::cuda {

class DeviceBlock {
 public:
  __device__ explicit DeviceBlock(void* shared) : shared_(shared) {}

  __device__ int index() const { return static_cast<int>(blockIdx.x); }
  __device__ int blocks() const { return static_cast<int>(gridDim.x); }
  __device__ void* shared() const { return shared_; }

  template <class F>
  __device__ void each(int count, const F& f) {
    for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) f(i);
    __syncthreads();
  }

  /// After a phase: the barrier at its end orders the writes of the block before the counter.
  __device__ bool is_last(unsigned* counter) {
    __shared__ bool last;
    if (threadIdx.x == 0) {
      __threadfence();
      last = atomicAdd(counter, 1u) == gridDim.x - 1;
      __threadfence();
    }
    __syncthreads();
    return last;
  }

  __device__ static void add(int* p, int v) { atomicAdd(p, v); }
  __device__ static void add(long long* p, long long v) {
    atomicAdd(reinterpret_cast<unsigned long long*>(p), static_cast<unsigned long long>(v));
  }
  __device__ static int fetch_add(int* p, int v) { return atomicAdd(p, v); }
  __device__ static void maximum(unsigned* p, unsigned v) { atomicMax(p, v); }
  __device__ static void minimum(int* p, int v) { atomicMin(p, v); }
  __device__ static void set_bits(unsigned* p, unsigned bits) { atomicOr(p, bits); }

 private:
  void* shared_;
};

template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads) run_kernel(const __grid_constant__ Kernel kernel) {
  extern __shared__ __align__(16) unsigned char hotpp_shared[];
  DeviceBlock block(hotpp_shared);
  kernel(block);
}

}  // namespace hotpp::pme::cuda
