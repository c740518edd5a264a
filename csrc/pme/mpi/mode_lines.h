// SPDX-License-Identifier: GPL-2.0-or-later
// The influence function on the modes of one owner, lines along x, and the sums over its modes.
//
// Sums are taken per line in a fixed order, and lines are added up exactly, so that energy and strain
// derivative have the same bits whoever owns which lines.
#pragma once

#include <cstddef>

#include "pme/modes.h"
#include "pme/mpi/exact_sum.h"
#include "pme/mpi/growing_array.h"
#include "pme/mpi/layout.h"

namespace hotpp::pme {

struct ExactModeSums {
  ExactSum energy;
  ExactSum moments[6];  ///< -d ln phi/d(k²) G |rho|² n_a n_b: xx, yy, zz, xy, xz, yz
  bool too_large = false;
};

template <class Real>
class ModeLines {
 public:
  ModeLines(const Settings&, Range y, Range z);
  void set_cell(const Cell&);
  const Modes& modes() const { return modes_; }

  /// Multiplies the spectrum [y][z][stride], interleaved complex with x fastest, and adds to the sums.
  void apply(Real* spectrum, std::ptrdiff_t stride, bool want_strain, ExactModeSums* sums);

 private:
  struct LineSums {
    double energy, moments[6];
  };
  LineSums apply_line(int y, int z, const Real* influence, Real* line, bool want_strain) const;
  std::size_t lines() const { return static_cast<std::size_t>(y_.size()) * z_.size(); }

  std::array<int, 3> mesh_;
  Range y_, z_;
  Modes modes_;
  std::ptrdiff_t stride_;      // of values_
  AlignedArray<Real> values_;  // [y][z][x]
  std::vector<LineSums> line_sums_;
};

}  // namespace hotpp::pme
