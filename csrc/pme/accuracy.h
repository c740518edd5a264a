// SPDX-License-Identifier: GPL-2.0-or-later
// Order and mesh from a requested accuracy: the cheapest of those whose estimated force error is small
// enough. The same rules and numbers as python/hotpp_lr/electrostatics/accuracy.py.
#pragma once

#include <array>
#include <cstdint>

#include "pme/error_model.h"
#include "pme/splines.h"

namespace hotpp::pme {

struct Choice {
  int order;
  std::array<int, 3> mesh;
  double estimate;  ///< relative rms force error
};

/// The cheapest order and mesh whose estimated relative rms force error is at most `accuracy`. cell: rows are
/// lattice vectors, Å. box: lengths that the mesh spans along a, b, c if not those of the cell.
Choice choose(const double cell[9], const Kernel&, double accuracy, bool dipoles, const Sources&,
              int lowest_order = 4, int highest_order = max_order, const double* box = nullptr);

/// Points along a, b, c for a given order: the smallest 2^a 3^b 5^c 7^d that reach the accuracy, never below
/// the order.
std::array<int, 3> mesh_size(const double cell[9], const Kernel&, double accuracy, int order, const Sources&);

/// Relative rms force error expected of a mesh.
double estimated_error(const double cell[9], const Kernel&, int order, const std::array<int, 3>& mesh,
                       const Sources&);

/// Nanoseconds of one evaluation of energy, forces, potential and field on one core.
double mesh_cost(std::int64_t atoms, int order, const std::array<int, 3>& mesh, bool dipoles);

/// Smallest integer >= minimum without prime factors above 7.
int fft_size(double minimum);

// For an ionic melt of the usual density.
std::array<int, 3> mesh_size(const double cell[9], const Kernel&, double accuracy, int order,
                             bool dipoles = true);
double estimated_error(const double cell[9], const Kernel&, int order, const std::array<int, 3>& mesh,
                       bool dipoles = true);

}  // namespace hotpp::pme
