// SPDX-License-Identifier: GPL-2.0-or-later
// Components of a multipole rank, as in pme/multipoles.h: value; x y z; xx yy zz xy xz yz; xxx yyy zzz xxy xxz
// xyy yyz xzz yzz xyz. Component c stands for the plain derivative D_c of the weights in mesh coordinates.
#pragma once

#include "pme/host_device.h"

namespace hotpp::pme::cuda {

HOTPP_HOST_DEVICE constexpr int components(int rank) { return (rank + 1) * (rank + 2) * (rank + 3) / 6; }

/// Pairs (i, j) of derivatives along x and y with i + j <= rank.
HOTPP_HOST_DEVICE constexpr int pairs(int rank) { return (rank + 1) * (rank + 2) / 2; }

/// How often each component derives along an axis, two bits per component: as a number and not as a table,
/// which a device would keep in slow local memory.
HOTPP_HOST_DEVICE constexpr unsigned long long packed_derivatives(int axis) {
  constexpr int table[20][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {2, 0, 0}, {0, 2, 0}, {0, 0, 2},
                                {1, 1, 0}, {1, 0, 1}, {0, 1, 1}, {3, 0, 0}, {0, 3, 0}, {0, 0, 3}, {2, 1, 0},
                                {2, 0, 1}, {1, 2, 0}, {0, 2, 1}, {1, 0, 2}, {0, 1, 2}, {1, 1, 1}};
  unsigned long long packed = 0;
  for (int c = 0; c < 20; ++c) packed |= static_cast<unsigned long long>(table[c][axis]) << 2 * c;
  return packed;
}

/// How often component c derives along an axis.
HOTPP_HOST_DEVICE constexpr int derivatives(int c, int axis) {
  constexpr unsigned long long x = packed_derivatives(0), y = packed_derivatives(1), z = packed_derivatives(2);
  return static_cast<int>((axis == 0 ? x : axis == 1 ? y : z) >> 2 * c & 3);
}

/// Place of the pair (i, j) in the order 00 10 01 20 11 02 30 21 12 03.
HOTPP_HOST_DEVICE constexpr int pair_index(int i, int j) { return (i + j) * (i + j + 1) / 2 + j; }

}  // namespace hotpp::pme::cuda
