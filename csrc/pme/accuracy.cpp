// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/accuracy.h"

#include <algorithm>
#include <cmath>

#include "pme/cell.h"
#include "pme/inputs.h"
#include "pme/splines.h"

namespace hotpp::pme {
namespace {

constexpr int columns = 9;
/// h / smearing of the columns of relative_force_error.
constexpr double spacings[columns] = {0.12, 0.17, 0.25, 0.35, 0.5, 0.6, 0.7, 0.85, 1.0};
/// Rows: orders 3 to 8.
constexpr double relative_force_error[max_order - min_order + 1][columns] = {
    {1.4e-3, 2.8e-3, 6.5e-3, 1.4e-2, 3.2e-2, 5.2e-2, 8.0e-2, 1.4e-1, 2.4e-1},
    {1.2e-3, 2.4e-3, 5.1e-3, 1.0e-2, 2.6e-2, 3.7e-2, 5.3e-2, 1.0e-1, 1.8e-1},
    {4.3e-5, 1.3e-4, 4.9e-4, 1.5e-3, 5.0e-3, 1.05e-2, 1.9e-2, 4.4e-2, 8.6e-2},
    {1.5e-6, 6.0e-6, 3.0e-5, 1.5e-4, 9.4e-4, 2.7e-3, 6.9e-3, 2.5e-2, 5.5e-2},
    {1.0e-7, 5.3e-7, 4.7e-6, 3.3e-5, 2.9e-4, 1.1e-3, 3.5e-3, 1.7e-2, 3.8e-2},
    {4.2e-9, 3.6e-8, 4.2e-7, 5.1e-6, 8.3e-5, 4.4e-4, 1.9e-3, 1.2e-2, 2.9e-2},
};

/// Piecewise linear in log-log; xs ascending; the first and last segments continue outside.
double log_interpolate(const double* xs, const double* ys, double x) {
  int i = 0;
  while (i < columns - 2 && x > xs[i + 1]) ++i;
  const double slope = std::log(ys[i + 1] / ys[i]) / std::log(xs[i + 1] / xs[i]);
  return ys[i] * std::exp(slope * std::log(x / xs[i]));
}

bool has_no_factor_above_7(int n) {
  for (int factor : {2, 3, 5, 7})
    while (n % factor == 0) n /= factor;
  return n == 1;
}

int fft_size(double minimum) {
  if (!(minimum < 1e6))
    throw std::invalid_argument("The cell needs a mesh of " + std::to_string(minimum) +
                                " points along one axis: check its length, the smearing and the accuracy.");
  int n = std::max(1, static_cast<int>(std::ceil(minimum)));
  while (!has_no_factor_above_7(n)) ++n;
  return n;
}

double length(const double* v) { return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

}  // namespace

std::array<int, 3> mesh_size(const double cell[9], double smearing, double accuracy, int order) {
  check({order, {order, order, order}, smearing});
  if (!(accuracy > 0.0 && accuracy < 1.0))
    throw std::invalid_argument("The accuracy is " + std::to_string(accuracy) +
                                ": give the relative rms force error, between 0 and 1.");
  const Cell lattice(cell);
  const double* errors = relative_force_error[order - min_order];
  const double spacing =
      accuracy >= errors[columns - 1] ? spacings[columns - 1] : log_interpolate(errors, spacings, accuracy);
  std::array<int, 3> mesh;
  for (int i = 0; i < 3; ++i)  // 1e-9: a cell written with rounded digits must not cost one more point
    mesh[i] = fft_size(std::max<double>(order, length(&lattice.rows[3 * i]) / (smearing * spacing) - 1e-9));
  return mesh;
}

double estimated_error(const double cell[9], double smearing, int order, const std::array<int, 3>& mesh) {
  check({order, mesh, smearing});
  const Cell lattice(cell);
  double spacing = 0.0;
  for (int i = 0; i < 3; ++i) spacing = std::max(spacing, length(&lattice.rows[3 * i]) / mesh[i]);
  return std::min(1.0,
                  log_interpolate(spacings, relative_force_error[order - min_order], spacing / smearing));
}

}  // namespace hotpp::pme
