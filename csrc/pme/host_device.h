// SPDX-License-Identifier: GPL-2.0-or-later
// Marks functions that the CPU and the CUDA code share.
#pragma once

#ifdef __CUDACC__
#define HOTPP_HOST_DEVICE __host__ __device__
#define HOTPP_DEVICE __device__
#else
#define HOTPP_HOST_DEVICE
#define HOTPP_DEVICE  // kernels that the emulated device (pme/cuda/emulated_device.h) runs
#endif

// On the device, tables of constants stay out of memory only in unrolled loops.
#ifdef __CUDA_ARCH__
#define HOTPP_UNROLL _Pragma("unroll")
#else
#define HOTPP_UNROLL
#endif
