// SPDX-License-Identifier: GPL-2.0-or-later
// The plan of pme/plan.h with the mesh on a CUDA device. Compiled, not yet run on a device.
//
// Arrays are on the host, and atoms are located and sorted there; spread, FFT, influence and gather run on
// the device. Spreading uses atomicAdd: the last bits differ from run to run. No strain derivative yet.
#pragma once

#include <cstdint>
#include <memory>

#include "pme/settings.h"

namespace hotpp::pme {

template <class Real>
class CudaPlan {
 public:
  explicit CudaPlan(const Settings&);
  ~CudaPlan();

  void set_cell(const double cell[9]);
  /// As Plan::execute; want_strain is refused.
  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               Output&);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hotpp::pme
