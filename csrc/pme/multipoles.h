// SPDX-License-Identifier: GPL-2.0-or-later
// Multipole components up to a rank, in mesh units: what spread takes and gather gives.
//
// D_c = d^(i+j+k) / du_x^i du_y^j du_z^k of the weights seen as functions of the atom's mesh coordinate u:
//   spread: rho(m) = sum_i sum_c coefficient[i][c] D_c W(m - u_i),   gather: derivative[i][c] = sum_m phi(m)
//   D_c W(m - u_i)
// They are adjoint: <spread(s), phi> = <s, gather(phi)>. A mixed component stands for its symmetric group
// once, so its coefficient is that of the plain derivative (for a symmetric Q_ab: 2 Q_xy).
#pragma once

#include "pme/host_device.h"

namespace hotpp::pme {

constexpr int max_rank = 3;

/// Components of all ranks up to `rank`: 1, 4, 10, 20.
HOTPP_HOST_DEVICE constexpr int components(int rank) { return (rank + 1) * (rank + 2) * (rank + 3) / 6; }

/// {i, j, k} of every component: value; x y z; xx yy zz xy xz yz; xxx yyy zzz xxy xxz xyy yyz xzz yzz xyz.
constexpr int component_powers[components(max_rank)][3] = {
    {0, 0, 0},                                                         //
    {1, 0, 0}, {0, 1, 0}, {0, 0, 1},                                   //
    {2, 0, 0}, {0, 2, 0}, {0, 0, 2}, {1, 1, 0}, {1, 0, 1}, {0, 1, 1},  //
    {3, 0, 0}, {0, 3, 0}, {0, 0, 3}, {2, 1, 0}, {2, 0, 1}, {1, 2, 0},
    {0, 2, 1}, {1, 0, 2}, {0, 1, 2}, {1, 1, 1},
};

struct ComponentTable {
  int at[max_rank + 1][max_rank + 1][max_rank + 1];
};
constexpr ComponentTable component_table() {
  ComponentTable table{};
  for (int c = 0; c < components(max_rank); ++c)
    table.at[component_powers[c][0]][component_powers[c][1]][component_powers[c][2]] = c;
  return table;
}
/// component_of.at[i][j][k]: the component with powers i, j, k; i + j + k <= max_rank.
constexpr ComponentTable component_of = component_table();

/// Lowest assignment order whose weights have continuous derivatives up to `rank`.
constexpr int lowest_order(int rank) { return rank + 2 > 3 ? rank + 2 : 3; }

}  // namespace hotpp::pme
