// SPDX-License-Identifier: GPL-2.0-or-later
// A real-to-complex transform of a mesh shared out by a Layout: what the plan needs of it. Libraries with
// their own distributed transforms (heFFTe, cuFFTMp) can be put behind this.
#pragma once

#include <cstddef>

#include "pme/mpi/layout.h"
#include "pme/mpi/traffic.h"

namespace hotpp::pme {

template <class Real>
class DistributedFft {
 public:
  virtual ~DistributedFft() = default;

  /// Of this owner before the transform: [x][y][mesh_stride] with z fastest. forward() reads and overwrites
  /// it.
  virtual Real* mesh() = 0;
  virtual std::ptrdiff_t mesh_stride() const = 0;
  /// Of this owner after the transform: [mode y][mode z][spectrum_stride], interleaved complex with x
  /// fastest. backward() reads and overwrites it.
  virtual Real* spectrum() = 0;
  virtual std::ptrdiff_t spectrum_stride() const = 0;

  /// Collective over the owners. Not normalised; forward uses exp(-i k r).
  virtual void forward() = 0;
  virtual void backward() = 0;

  /// What this owner sends in one forward and one backward transform.
  virtual Messages traffic() const = 0;
};

}  // namespace hotpp::pme
