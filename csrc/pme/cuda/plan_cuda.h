// SPDX-License-Identifier: GPL-2.0-or-later
// The plan of pme/plan.h on a CUDA device. Compiled, and its kernels are tested on the CPU (emulated_plan.h);
// not yet run on a device.
//
// execute() only starts work on the caller's stream: it never waits for the device, and after the first two
// calls of a kind (which load the code and record the graph) it is one graph launch. A new number of atoms,
// other pointers or another cell need no new graph. The same input gives the same bits: charges are added as
// integers, all other sums in a fixed order. One call at a time: a plan has one workspace.
#pragma once

#include <memory>

#include "pme/cuda/path.h"
#include "pme/cuda/step.h"
#include "pme/settings.h"

namespace hotpp::pme::cuda {

template <class Real>
class CudaPlan {
 public:
  /// For the current device of the calling thread. graphs = false starts the kernels one by one.
  explicit CudaPlan(const Settings&, Path = Path::Automatic, bool graphs = true);
  ~CudaPlan();

  const Settings& settings() const;
  /// Rows a, b, c in Å.
  void set_cell(const double cell[9]);
  /// Memory for n atoms; execute with more atoms than ever takes more, and waits for the device.
  void reserve(int n);

  /// Everything in device memory; stream is a cudaStream_t. A bad atom (NaN, infinite, too large) makes all
  /// outputs NaN; throw_problems says which.
  void execute(void* stream, const DeviceAtoms&, const DeviceOutput&);
  /// Waits for the stream and throws what was wrong in the calls since the last look.
  void throw_problems(void* stream);

  /// The same with arrays on the host, waiting for the result; for tests.
  void execute_host(const DeviceAtoms&, const DeviceOutput&);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Number of CUDA devices, 0 without a driver.
int device_count();

}  // namespace hotpp::pme::cuda
