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

#include "pme/cuda/device_sums.h"
#include "pme/cuda/path.h"
#include "pme/settings.h"

namespace hotpp::pme::cuda {

template <class Real>
class CudaPlan : public DeviceSums {
 public:
  /// graphs = false starts the kernels one by one.
  explicit CudaPlan(const Settings&, Path = Path::Automatic, bool graphs = true);
  ~CudaPlan() override;

  const Settings& settings() const;
  /// Rows a, b, c in Å.
  void set_cell(const double cell[9]);

  void reserve(int n) override;
  void execute(void* stream, const DeviceAtoms&, const DeviceOutput&) override;
  void throw_problems(void* stream) override;
  void execute_host(const DeviceAtoms&, const DeviceOutput&) override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Number of CUDA devices, 0 without a driver.
int device_count();

}  // namespace hotpp::pme::cuda
