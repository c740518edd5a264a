// SPDX-License-Identifier: GPL-2.0-or-later
// From the charge mesh to the potential mesh, both shared out by a Layout: what the plan needs of a
// distributed transform. Libraries with transforms of their own (heFFTe, cuFFTMp) can be put behind this.
#pragma once

#include <cstddef>

#include "pme/cell.h"
#include "pme/mpi/exact_sum.h"
#include "pme/mpi/traffic.h"

namespace hotpp::pme {

/// Sums over the modes that one owner has. Lines along x are summed in a fixed order and then added up
/// exactly, so that the total does not depend on who has which lines.
struct ExactModeSums {
  ExactSum energy;
  ExactSum moments[6];  ///< as LineSums::moments, if the strain derivative is wanted
  bool too_large = false;
};

template <class Real>
class DistributedConvolution {
 public:
  virtual ~DistributedConvolution() = default;
  virtual void set_cell(const Cell&) = 0;
  /// Until the next set_cell the potential mesh is its own strain derivative, see ModeColumns.
  virtual void set_strain_influence(int component) = 0;

  /// Of this owner: row (x, y) of its part begins at x · plane() + y · row(), z fastest.
  virtual Real* mesh() = 0;
  virtual std::ptrdiff_t row() const = 0;
  virtual std::ptrdiff_t plane() const = 0;

  /// Collective over the owners: charge mesh to potential mesh in place; without `potential` only the sums.
  virtual void convolve(bool potential, bool strain, ExactModeSums*) = 0;
  /// What this owner sent in the last call.
  virtual Messages traffic() const = 0;
};

}  // namespace hotpp::pme
