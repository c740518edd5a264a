// SPDX-License-Identifier: GPL-2.0-or-later
// The components of pme/multipoles.h for device code.
#pragma once

#include "pme/host_device.h"
#include "pme/multipoles.h"

namespace hotpp::pme::cuda {

/// How often each component derives along an axis, two bits per component: as a number and not as a table,
/// which a device would keep in slow local memory.
constexpr unsigned long long packed_powers(int axis) {
  unsigned long long packed = 0;
  for (int c = 0; c < components(max_rank); ++c)
    packed |= static_cast<unsigned long long>(component_powers[c][axis]) << 2 * c;
  return packed;
}
constexpr unsigned long long packed_x = packed_powers(0), packed_y = packed_powers(1),
                             packed_z = packed_powers(2);

/// How often component c derives along an axis.
HOTPP_HOST_DEVICE constexpr int power(int c, int axis) {
  return static_cast<int>((axis == 0 ? packed_x : axis == 1 ? packed_y : packed_z) >> 2 * c & 3);
}

/// Pairs (i, j) of powers along x and y with i + j <= rank, and the place of one in 00 10 01 20 11 02 30 ...
HOTPP_HOST_DEVICE constexpr int pairs(int rank) { return (rank + 1) * (rank + 2) / 2; }
HOTPP_HOST_DEVICE constexpr int pair_index(int i, int j) { return (i + j) * (i + j + 1) / 2 + j; }

}  // namespace hotpp::pme::cuda
