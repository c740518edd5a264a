// SPDX-License-Identifier: GPL-2.0-or-later
//
// What atom_update asks of a device: its forward pass, and the gradients by messages and features. All arrays
// are in its memory, those of reals aligned to 16 bytes.
#pragma once

#include <cstdint>
#include <memory>

#include "ops/atom_update_kernels.h"

namespace hotpp::ops::device {

template <class Real>
class UpdateDevice {
 public:
  virtual ~UpdateDevice() = default;

  /// Whether a block of threads can hold the activations of its atoms.
  virtual bool fits(int rank, int channels) const = 0;
  /// kept: [n, job.planes.count, C] for the backward pass, or null.
  virtual void forward(const UpdateJob<Real>&, std::int64_t n, Real* kept) = 0;
  virtual void backward(const UpdateJob<Real>&, std::int64_t n, const Real* kept) = 0;
};

// stream: cudaStream_t of that device, which becomes the current one of the calling thread. Compiled, not yet
// run on a device.
template <class Real>
std::unique_ptr<UpdateDevice<Real>> cuda_update_device(int device, void* stream);

}  // namespace hotpp::ops::device
