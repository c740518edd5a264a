// SPDX-License-Identifier: GPL-2.0-or-later
// The pair kernel of two smeared charges and its radial derivatives, tabulated to rounding:
//
//   B0(r) = (2/pi) int screening(k²) sin(kr)/(kr) dk,   B_n = -B_(n-1)' / r
#pragma once

#include <vector>

#include "pme/kernel.h"
#include "pme/radial_functions.h"

namespace hotpp::pme {

class RadialTable {
 public:
  static constexpr int functions = RadialFunctions::functions, coefficients = RadialFunctions::coefficients;

  RadialTable(const Kernel&, double farthest);

  double farthest() const { return farthest_; }

  /// The first `Count` of B0 .. B3 at a distance <= farthest(). A Gaussian is a point charge, to rounding,
  /// beyond 9 smearings.
  template <int Count>
  void lookup(double r, double* values) const {
    numbers().lookup<Count>(r, values);
  }

  /// Valid as long as this table; another copy of `table()` may take the place of its pointer.
  RadialFunctions numbers() const { return {tabulated_, inverse_width_, table_.data()}; }
  const std::vector<double>& table() const { return table_; }

 private:
  double farthest_, tabulated_, inverse_width_;
  std::vector<double> table_;  // as RadialFunctions::table
};

}  // namespace hotpp::pme
