// SPDX-License-Identifier: GPL-2.0-or-later
// Between the arrays of LAMMPS and tensors of a device.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace hotpp {

// Waits until the current stream of the device has done everything; nothing to do on the processor.
void synchronise(at::Device);
// What libraries of the device take for its current stream (cudaStream_t); null on the processor.
void* stream_of(at::Device);

// Runs an action; an error of torch becomes one sentence that tells what to do, without torch's stack trace.
void with_plain_errors(at::Device, const std::function<void()>& action);

// Page-locked memory of the host, from which and to which a device copies by itself. Kept from step to step.
class HostBuffer {
 public:
  // A contiguous tensor of the host; its content is undefined. Valid until the next call.
  at::Tensor take(at::IntArrayRef shape, at::ScalarType, at::Device);

 private:
  at::Tensor bytes_;
};

// A copy on the device. Waits when the host's memory may be freed or changed afterwards.
template <class T>
at::Tensor to_device(const std::vector<T>& values, at::IntArrayRef shape, at::ScalarType type,
                     at::Device device) {
  return at::from_blob(const_cast<T*>(values.data()), shape, at::TensorOptions(type))
      .to(device, type, false, true);
}

// [n_segments, columns]: sums of consecutive rows of values [n, columns], counts [n_segments] of them each.
at::Tensor segment_sums(const at::Tensor& values, const at::Tensor& counts);

}  // namespace hotpp
