// SPDX-License-Identifier: GPL-2.0-or-later
// Mesh sizes from a requested accuracy; the same table and rules as
// python/hotpp_lr/electrostatics/accuracy.py, which says how the table was measured.
#pragma once

#include <array>

namespace hotpp::pme {

/// Points along a, b, c for a relative rms force error of `accuracy`: the smallest 2^a 3^b 5^c 7^d >= |a_i| /
/// h, never below the order. cell: rows are lattice vectors, Å.
std::array<int, 3> mesh_size(const double cell[9], double smearing, double accuracy, int order);

/// Relative rms force error expected of a mesh.
double estimated_error(const double cell[9], double smearing, int order, const std::array<int, 3>& mesh);

}  // namespace hotpp::pme
