// SPDX-License-Identifier: GPL-2.0-or-later
// The tabulated pair kernel of radial_table.h as plain numbers, for the CPU and for devices.
#pragma once

#include <cstddef>

#include "pme/host_device.h"

namespace hotpp::pme {

struct RadialFunctions {
  static constexpr int functions = 4;      ///< B0 .. B3
  static constexpr int coefficients = 10;  ///< of the polynomial on each interval

  double tabulated, inverse_width;
  const double* table;  ///< [interval][power of t][function], t in [-1, 1]

  /// The first `Count` of B0 .. B3 at distance r. Beyond `tabulated` those of point charges.
  template <int Count>
  HOTPP_HOST_DEVICE void lookup(double r, double* values) const {
    if (r >= tabulated) {
      const double s = 1.0 / (r * r);
      values[0] = 1.0 / r;
      for (int f = 1; f < Count; ++f) values[f] = (2 * f - 1) * values[f - 1] * s;
      return;
    }
    const int interval = static_cast<int>(r * inverse_width);
    const double t = 2.0 * (r * inverse_width - interval) - 1.0;
    const double* const c = table + static_cast<std::size_t>(interval) * functions * coefficients;
    for (int f = 0; f < Count; ++f) values[f] = c[(coefficients - 1) * functions + f];
    for (int j = coefficients - 2; j >= 0; --j)
      for (int f = 0; f < Count; ++f) values[f] = values[f] * t + c[j * functions + f];
  }
};

}  // namespace hotpp::pme
