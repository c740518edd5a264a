// SPDX-License-Identifier: GPL-2.0-or-later
// The Device of pme/cuda/pipeline.h on CUDA: memory, kernel launches and, with CudaDevice, transforms on one
// stream.
// Compiled, not yet run on a device.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "pme/cuda/device_block.cuh"
#include "pme/cuda/transforms.h"

namespace hotpp::pme::cuda {

inline void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // not the next call's error
  throw std::runtime_error(std::string("CUDA, ") + what + ": " + cudaGetErrorString(status) + ".");
}

class CudaLauncher {
 public:
  template <class T>
  class Buffer {
   public:
    Buffer() = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { cudaFree(data_); }
    T* data() { return data_; }
    std::size_t size() const { return size_; }
    /// Contents are lost. cudaFree waits for work that still uses the old memory.
    void allocate(std::size_t size) {
      cudaFree(data_);
      data_ = nullptr;
      size_ = 0;
      check_cuda(cudaMalloc(reinterpret_cast<void**>(&data_), size * sizeof(T)), "allocating device memory");
      size_ = size;
    }

   private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
  };

  template <class T>
  void upload(Buffer<T>& to, const T* from, std::size_t count) {
    check_cuda(cudaMemcpy(to.data(), from, count * sizeof(T), cudaMemcpyHostToDevice),
               "copying to the device");
    // a small copy may still be on its way, and streams that do not block would not wait for it
    check_cuda(cudaStreamSynchronize(nullptr), "copying to the device");
  }

  void set_stream(cudaStream_t stream) { stream_ = stream; }

  template <class Kernel>
  void launch(const Kernel& kernel, int blocks) {
    const std::size_t shared = kernel.shared_bytes();
    constexpr std::size_t without_asking = 48 * 1024;
    if (shared > without_asking)
      check_cuda(cudaFuncSetAttribute(run_kernel<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      static_cast<int>(shared)),
                 "asking for shared memory");
    run_kernel<Kernel><<<blocks, Kernel::threads, shared, stream_>>>(kernel);
    check_cuda(cudaGetLastError(), "starting a kernel");
  }

 private:
  cudaStream_t stream_ = nullptr;
};

template <class Real>
class CudaDevice : public CudaLauncher {
 public:
  explicit CudaDevice(const Layout& layout) : transforms_(layout, std::is_same_v<Real, float>) {}

  void set_stream(cudaStream_t stream) {
    CudaLauncher::set_stream(stream);
    transforms_.set_stream(stream);
  }
  void forward(Real* mesh) { transforms_.forward(mesh); }
  void backward(Real* mesh) { transforms_.backward(mesh); }

 private:
  Transforms transforms_;
};

}  // namespace hotpp::pme::cuda
