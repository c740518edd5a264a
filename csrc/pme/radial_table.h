// SPDX-License-Identifier: GPL-2.0-or-later
// The pair kernel of two smeared charges and its radial derivatives, tabulated to rounding:
//
//   B0(r) = (2/pi) int screening(k²) sin(kr)/(kr) dk,   B_n = -B_(n-1)' / r
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "pme/kernel.h"

namespace hotpp::pme {

class RadialTable {
 public:
  static constexpr int functions = 4;      ///< B0 .. B3
  static constexpr int coefficients = 10;  ///< of the polynomial on each interval

  RadialTable(const Kernel&, double farthest);

  double farthest() const { return farthest_; }

  /// The first `Count` of B0 .. B3 at a distance <= farthest(). A Gaussian is a point charge, to rounding,
  /// beyond 9 smearings.
  template <int Count>
  void lookup(double r, double* values) const {
    if (r >= tabulated_) {
      const double s = 1.0 / (r * r);
      values[0] = 1.0 / r;
      for (int f = 1; f < Count; ++f) values[f] = (2 * f - 1) * values[f - 1] * s;
      return;
    }
    const int interval = static_cast<int>(r * inverse_width_);
    const double t = 2.0 * (r * inverse_width_ - interval) - 1.0;
    const double* const c = &table_[static_cast<std::size_t>(interval) * functions * coefficients];
    for (int f = 0; f < Count; ++f) values[f] = c[(coefficients - 1) * functions + f];
    for (int j = coefficients - 2; j >= 0; --j)
      for (int f = 0; f < Count; ++f) values[f] = values[f] * t + c[j * functions + f];
  }

 private:
  double farthest_, tabulated_, inverse_width_;
  std::vector<double> table_;  // [interval][power of t][function], t in [-1, 1]
};

}  // namespace hotpp::pme
