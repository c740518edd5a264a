// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/layout.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace hotpp::pme {
namespace {

// One core of a current server and its share of the network; only the ratios matter.
constexpr double flops = 1e10;       // of the transforms with their copies, per second
constexpr double bandwidth = 2e9;    // bytes per second and rank
constexpr double latency = 3e-6;     // seconds until a message is there
constexpr double overhead = 0.5e-6;  // seconds of a rank's time per message

int ceil_div(int a, int b) { return (a + b - 1) / b; }

}  // namespace

double estimated_seconds(const Layout& layout, int order, int ranks) {
  const double real = 32.0 / layout.lanes;  // bytes
  const double points = static_cast<double>(layout.mesh[0]) * layout.mesh[1] * layout.mesh[2];
  const double bytes = points * real;
  // the owner with the largest part decides
  const double owners =
      points / (static_cast<double>(ceil_div(layout.mesh[0], layout.rows)) * layout.mesh[2] *
                std::min(layout.mesh[1], 2 * layout.lanes * ceil_div(layout.groups(), layout.columns)));
  const double transforms = 2 * 2.5 * points * std::log2(points) / owners / flops;
  double transposes = 0.0;  // forward and backward
  for (int parts : {layout.rows, layout.columns})
    if (parts > 1)
      transposes +=
          2 * (latency + 2 * (parts - 1) * overhead + (1.0 - 1.0 / parts) * bytes / owners / bandwidth);
  if (ranks == 1) return transforms;

  // Windows taken as bricks, `side` along each axis, with the width of the stencils around them.
  const double side = std::cbrt(static_cast<double>(ranks));
  double window = 1.0, received = side, sent = 1.0;  // points of a window; messages per owner, per window
  for (int d = 0; d < 3; ++d) {
    const double part = std::min(1.0, 1.0 / side + (order - 1.0) / layout.mesh[d]);
    window *= part * layout.mesh[d];
    if (d == 2) continue;
    const int parts = d == 0 ? layout.rows : layout.columns;
    const double overlapping = std::min(1.0, part + 1.0 / parts);
    received *= side * overlapping;
    sent *= parts * overlapping;
  }
  const double window_bytes = window * real;
  const double exchange =
      2 * (latency + (received + sent) * overhead + window_bytes * (1 + ranks / owners) / bandwidth);
  return transforms + transposes + exchange;
}

Layout choose_layout(const std::array<int, 3>& mesh, int lanes, int order, int ranks, int rows, int columns) {
  Layout best{mesh, lanes, 1, 1};
  const int most_rows = best.most_rows(), most_columns = best.most_columns();
  if (rows > 0 || columns > 0) {
    if (rows < 1 || columns < 1 || rows > most_rows || columns > most_columns ||
        static_cast<long long>(rows) * columns > ranks)
      throw std::invalid_argument(
          "A layout of " + std::to_string(rows) + " x " + std::to_string(columns) +
          " mesh owners was asked for, on " + std::to_string(ranks) + " rank(s) and a mesh of " +
          std::to_string(mesh[0]) + " x " + std::to_string(mesh[1]) + " x " + std::to_string(mesh[2]) +
          " points: give at most " + std::to_string(most_rows) + " rows and " + std::to_string(most_columns) +
          " columns with no more owners than ranks, or 0 x 0 to have it chosen.");
    return {mesh, lanes, rows, columns};
  }
  double best_seconds = estimated_seconds(best, order, ranks);
  for (int c = 1; c <= std::min(ranks, most_columns); ++c)  // among equals, slabs
    for (int r = 1; r <= std::min(ranks / c, most_rows); ++r) {
      const Layout layout{mesh, lanes, r, c};
      const double seconds = estimated_seconds(layout, order, ranks);
      if (seconds < best_seconds) {
        best = layout;
        best_seconds = seconds;
      }
    }
  return best;
}

}  // namespace hotpp::pme
