// SPDX-License-Identifier: GPL-2.0-or-later
//
// Arrays of the programs that compare the device with the emulated one, without Python or torch.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "pme/cuda/cuda_device.cuh"

namespace hotpp::ops::device {

// An array on the host, or its copy on the device.
template <class T>
class Array {
 public:
  Array(const std::vector<T>& values, bool on_device) : values_(values), on_device_(on_device) {
    if (!on_device) return;
    copy_.allocate(std::max<std::size_t>(values.size(), 1));
    move(copy_.data(), values_.data(), cudaMemcpyHostToDevice);
  }
  T* data() { return on_device_ ? copy_.data() : values_.data(); }
  const std::vector<T>& fetch() {
    if (on_device_) move(values_.data(), copy_.data(), cudaMemcpyDeviceToHost);
    return values_;
  }

 private:
  void move(T* to, const T* from, cudaMemcpyKind kind) {
    pme::cuda::check_cuda(cudaMemcpy(to, from, values_.size() * sizeof(T), kind), "copying an array");
  }
  std::vector<T> values_;
  bool on_device_;
  pme::cuda::CudaLauncher::Buffer<T> copy_;
};

// Largest deviation relative to the largest element; infinite if anything is not finite.
template <class Real>
double error(const std::vector<Real>& actual, const std::vector<Real>& expected) {
  double largest = 1e-30, deviation = 0.0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (!std::isfinite(actual[i])) return INFINITY;
    largest = std::fmax(largest, std::fabs(expected[i]));
    deviation = std::fmax(deviation, std::fabs(actual[i] - expected[i]));
  }
  return deviation / largest;
}

}  // namespace hotpp::ops::device
