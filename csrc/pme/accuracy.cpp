// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/accuracy.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>

#include "pme/cell.h"
#include "pme/inputs.h"

namespace hotpp::pme {
namespace {

// The same numbers as in accuracy.py, which says what they mean.
constexpr double finest = 0.05, coarsest = 1.0, assumed_density = 0.08;
constexpr double atom_cost[2] = {51.0, 74.0}, row_cost[2] = {1.4, 1.9};
constexpr double fft_cost = 0.15, memory_cost = 3.5, cached_points = 1 << 20;

bool has_no_factor_above_7(int n) {
  for (int factor : {2, 3, 5, 7})
    while (n % factor == 0) n /= factor;
  return n == 1;
}

std::array<double, 3> lengths_of(const Cell& cell) {
  std::array<double, 3> lengths;
  for (int i = 0; i < 3; ++i)
    lengths[i] = std::hypot(cell.rows[3 * i], cell.rows[3 * i + 1], cell.rows[3 * i + 2]);
  return lengths;
}

/// Largest mesh spacing / smearing, at most `coarsest`, whose error is `accuracy`; none if even the finest
/// does not reach it.
std::optional<double> largest_spacing(const ErrorModel& model, const Cell& cell, double smearing,
                                      double accuracy, int order) {
  const std::array<double, 3> lengths = lengths_of(cell);
  const auto excess = [&](double log_h) {
    const double h = smearing * std::exp(log_h);
    return std::log(model.relative_error(order, {lengths[0] / h, lengths[1] / h, lengths[2] / h}) / accuracy);
  };
  double low = std::log(finest), high = std::log(coarsest);
  double above = excess(high);
  if (above <= 0.0) return coarsest;
  double below = excess(low);
  if (below > 0.0) return std::nullopt;
  for (int step = 0; step < 20; ++step) {  // log(error) is nearly linear in log(h): secants between brackets
    const double middle = low + (high - low) * std::min(0.95, std::max(0.05, -below / (above - below)));
    const double value = excess(middle);
    if (value > 0.0) {
      high = middle, above = value;
    } else {
      low = middle, below = value;
      if (value > -0.03) break;  // half a percent in h
    }
  }
  return std::exp(low);
}

std::array<int, 3> mesh_of(const std::array<double, 3>& lengths, double spacing, int order) {
  std::array<int, 3> mesh;
  for (int i = 0; i < 3; ++i)  // 1e-9: a cell written with rounded digits must not cost one more point
    mesh[i] = fft_size(std::max<double>(order, lengths[i] / spacing - 1e-9));
  return mesh;
}

double limited_error(const ErrorModel& model, int order, const std::array<int, 3>& mesh) {
  return std::min(1.0, model.relative_error(order, {double(mesh[0]), double(mesh[1]), double(mesh[2])}));
}

Sources usual_melt(const Cell& cell, bool dipoles) {
  return Sources::assumed(std::max(1LL, std::llround(assumed_density * cell.volume)), dipoles);
}

}  // namespace

int fft_size(double minimum) {
  if (!(minimum < 1e6))
    throw std::invalid_argument("The cell needs a mesh of " + std::to_string(minimum) +
                                " points along one axis: check its length, the smearing and the accuracy.");
  int n = std::max(1, static_cast<int>(std::ceil(minimum)));
  while (!has_no_factor_above_7(n)) ++n;
  return n;
}

double mesh_cost(std::int64_t atoms, int order, const std::array<int, 3>& mesh, bool dipoles) {
  const double points = double(mesh[0]) * mesh[1] * mesh[2];
  const double per_point = fft_cost * std::log2(points) + (points > cached_points ? memory_cost : 0.0);
  return atoms * (atom_cost[dipoles] + row_cost[dipoles] * order * order) + points * per_point;
}

Choice choose(const double vectors[9], const Kernel& kernel, double accuracy, bool dipoles,
              const Sources& sources, int lowest, int highest, const double* box) {
  check_accuracy(accuracy);
  check({lowest, {lowest, lowest, lowest}, kernel});
  check({highest, {highest, highest, highest}, kernel});
  const Cell cell(vectors);
  const ErrorModel model(cell, kernel, sources);
  std::array<double, 3> lengths = lengths_of(cell);
  const std::array<double, 3> edges = lengths;
  if (box) std::copy(box, box + 3, lengths.begin());
  std::optional<Choice> best;
  double least = 0.0;
  for (int order = lowest; order <= highest; ++order) {
    const auto spacing = largest_spacing(model, cell, kernel.smearing, accuracy, order);
    if (!spacing) continue;
    const std::array<int, 3> mesh = mesh_of(lengths, kernel.smearing * *spacing, order);
    const double cost = mesh_cost(sources.atoms, order, mesh, dipoles);
    if (best && cost >= least) continue;
    std::array<double, 3> points;  // per cell
    for (int i = 0; i < 3; ++i) points[i] = mesh[i] * edges[i] / lengths[i];
    best = Choice{order, mesh, std::min(1.0, model.relative_error(order, points))};
    least = cost;
  }
  if (!best)
    throw std::invalid_argument("No order from " + std::to_string(lowest) + " to " + std::to_string(highest) +
                                " reaches a relative force error of " + std::to_string(accuracy) +
                                ": allow orders up to " + std::to_string(max_order) + " or a larger error.");
  return *best;
}

std::array<int, 3> mesh_size(const double vectors[9], const Kernel& kernel, double accuracy, int order,
                             const Sources& sources) {
  check_accuracy(accuracy);
  check({order, {order, order, order}, kernel});
  const Cell cell(vectors);
  const ErrorModel model(cell, kernel, sources);
  const auto spacing = largest_spacing(model, cell, kernel.smearing, accuracy, order);
  if (!spacing)
    throw std::invalid_argument("Order " + std::to_string(order) +
                                " does not reach a relative force error of " + std::to_string(accuracy) +
                                " with any reasonable mesh: raise the order or the accuracy.");
  return mesh_of(lengths_of(cell), kernel.smearing * *spacing, order);
}

double estimated_error(const double vectors[9], const Kernel& kernel, int order,
                       const std::array<int, 3>& mesh, const Sources& sources) {
  check({order, mesh, kernel});
  return limited_error(ErrorModel(Cell(vectors), kernel, sources), order, mesh);
}

std::array<int, 3> mesh_size(const double cell[9], const Kernel& kernel, double accuracy, int order,
                             bool dipoles) {
  check({order, {order, order, order}, kernel});
  return mesh_size(cell, kernel, accuracy, order, usual_melt(Cell(cell), dipoles));
}

double estimated_error(const double cell[9], const Kernel& kernel, int order, const std::array<int, 3>& mesh,
                       bool dipoles) {
  check({order, mesh, kernel});
  return estimated_error(cell, kernel, order, mesh, usual_melt(Cell(cell), dipoles));
}

}  // namespace hotpp::pme
