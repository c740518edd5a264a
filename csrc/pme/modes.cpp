// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/modes.h"

#include <cmath>

#include "pme/constants.h"
#include "pme/splines.h"

namespace hotpp::pme {
namespace {

constexpr int axes[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};

}  // namespace

std::vector<double> deconvolution_factors(int points, int order, Deconvolution mode) {
  std::vector<double> factors(points, 1.0);
  if (mode == Deconvolution::None) return factors;
  std::vector<double> correlation(order);  // B_2p(j)
  for (int j = 0; j < order; ++j) correlation[j] = centred_spline(2 * order, j);
  for (int n = 0; n < points; ++n) {
    if (mode == Deconvolution::Plain) {
      const double x = pi * (2 * n <= points ? n : points - n) / points;
      if (n > 0) factors[n] = std::pow(x / std::sin(x), 2 * order);
    } else {
      double sum = correlation[0];
      for (int j = 1; j < order; ++j) sum += 2.0 * correlation[j] * std::cos(2.0 * pi * n * j / points);
      factors[n] = 1.0 / sum;
    }
  }
  return factors;
}

Modes::Modes(const Settings& settings) : settings_(settings) {
  for (int d = 0; d < 3; ++d)
    deconvolution_[d] = deconvolution_factors(settings.mesh[d], settings.order, settings.deconvolution);
}

void Modes::set_cell(const Cell& cell) {
  for (int i = 0; i < 3; ++i)
    for (int a = 0; a < 3; ++a) reciprocal_[i][a] = 2.0 * pi * cell.inverse[3 * a + i];
  for (int c = 0; c < 6; ++c) {
    const auto [i, j] = axes[c];
    double product = 0.0;
    for (int a = 0; a < 3; ++a) product += reciprocal_[i][a] * reciprocal_[j][a];
    metric_[c] = i == j ? product : 2.0 * product;
  }
  prefactor_ = 4.0 * pi * coulomb_constant / cell.volume;
}

ModeProducts Modes::products(int x, int y, int z) const {
  const SignedMode m[3] = {signed_mode(x, settings_.mesh[0]), signed_mode(y, settings_.mesh[1]),
                           signed_mode(z, settings_.mesh[2])};
  ModeProducts result;
  for (int c = 0; c < 6; ++c) {
    const auto [a, b] = axes[c];
    result.product[c] = a == b ? m[a].n * m[a].n : m[a].mixed * m[b].mixed;
  }
  return result;
}

double Modes::squared(const ModeProducts& mode) const {
  double sum = 0.0;
  for (int c = 0; c < 6; ++c) sum += metric_[c] * mode.product[c];
  return sum;
}

void Modes::add_strain(const double moments[6], double strain[6]) const {
  for (int c = 0; c < 6; ++c) {
    const auto [a, b] = axes[c];
    double sum = 0.0;
    for (int e = 0; e < 6; ++e) {
      const auto [i, j] = axes[e];
      sum += moments[e] * reciprocal_[i][a] * reciprocal_[j][b];
      if (i != j) sum += moments[e] * reciprocal_[j][a] * reciprocal_[i][b];
    }
    strain[c] += sum;
  }
}

}  // namespace hotpp::pme
