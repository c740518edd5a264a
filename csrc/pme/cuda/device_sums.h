// SPDX-License-Identifier: GPL-2.0-or-later
// What plan and cluster of a CUDA device have in common for their callers.
#pragma once

#include "pme/cuda/step.h"

namespace hotpp::pme::cuda {

/// Made for the current device of the calling thread. One object has one workspace: one call at a time, on
/// one stream after the other.
class DeviceSums {
 public:
  virtual ~DeviceSums() = default;

  /// Memory for n atoms; execute with more atoms than ever takes more, and waits for the device.
  virtual void reserve(int n) = 0;
  /// Everything in device memory; stream is a cudaStream_t. Starts the work and returns. A bad atom (NaN,
  /// infinite, too large) makes all outputs NaN; throw_problems says which.
  virtual void execute(void* stream, const DeviceAtoms&, const DeviceOutput&) = 0;
  /// Waits for the stream and throws what was wrong in the calls since the last look.
  virtual void throw_problems(void* stream) = 0;

  /// The same with arrays on the host, waiting for the result; for tests.
  virtual void execute_host(const DeviceAtoms&, const DeviceOutput&) = 0;
};

}  // namespace hotpp::pme::cuda
