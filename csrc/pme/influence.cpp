// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/influence.h"

#include <cmath>

#include "pme/constants.h"
#include "pme/splines.h"

namespace hotpp::pme {
namespace {

constexpr int axes[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};

/// How often a stored mode of the last axis occurs in the full sum.
double multiplicity(int z, int points) { return z == 0 || 2 * z == points ? 1.0 : 2.0; }

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

template <class Real>
Influence<Real>::Influence(const Settings& settings) : settings_(settings), modes_(settings.mesh[2] / 2 + 1) {
  for (int d = 0; d < 3; ++d)
    deconvolution_[d] = deconvolution_factors(settings.mesh[d], settings.order, settings.deconvolution);
  values_.resize(index(0, settings.mesh[1]));
}

template <class Real>
typename Influence<Real>::Mode Influence<Real>::mode(int x, int y, int z) const {
  const int index[3] = {x, y, z};
  double n[3], mixed[3];
  for (int d = 0; d < 3; ++d) {
    const int points = settings_.mesh[d];
    n[d] = 2 * index[d] <= points ? index[d] : index[d] - points;
    mixed[d] = 2 * index[d] == points ? 0.0 : n[d];
  }
  Mode mode;
  for (int c = 0; c < 6; ++c) {
    const auto [a, b] = axes[c];
    mode.product[c] = a == b ? n[a] * n[a] : mixed[a] * mixed[b];
  }
  return mode;
}

template <class Real>
double Influence<Real>::squared(const Mode& mode) const {
  double sum = 0.0;
  for (int c = 0; c < 6; ++c) sum += metric_[c] * mode.product[c];
  return sum;
}

template <class Real>
void Influence<Real>::set_cell(const Cell& cell) {
  for (int i = 0; i < 3; ++i)
    for (int a = 0; a < 3; ++a) reciprocal_[i][a] = 2.0 * pi * cell.inverse[3 * a + i];
  for (int c = 0; c < 6; ++c) {
    const auto [i, j] = axes[c];
    double product = 0.0;
    for (int a = 0; a < 3; ++a) product += reciprocal_[i][a] * reciprocal_[j][a];
    metric_[c] = i == j ? product : 2.0 * product;
  }
  const double prefactor = 4.0 * pi * coulomb_constant / cell.volume;
#pragma omp parallel for schedule(static)
  for (int y = 0; y < settings_.mesh[1]; ++y)
    for (int x = 0; x < settings_.mesh[0]; ++x) {
      const double scale = prefactor * deconvolution_[0][x] * deconvolution_[1][y];
      Real* const row = &values_[index(x, y)];
      for (int z = 0; z < modes_; ++z) {
        const double k2 = squared(mode(x, y, z));
        row[z] = x + y + z == 0
                     ? Real(0)
                     : static_cast<Real>(scale * deconvolution_[2][z] * settings_.kernel.screening(k2) / k2);
      }
    }
}

template <class Real>
ModeSums Influence<Real>::apply(int y, Real* slab, std::ptrdiff_t plane, bool want_strain) const {
  ModeSums sums;
  for (int x = 0; x < settings_.mesh[0]; ++x) {
    Real* const spectrum = slab + x * plane;
    const Real* const row = &values_[index(x, y)];
    if (want_strain) add_strain(x, y, spectrum, sums.strain);
    double full = 0.0, once = 0.0;  // once: modes that are their own mirror image along z
    for (int z = 0; z < modes_; ++z) {
      const double re = spectrum[2 * z], im = spectrum[2 * z + 1];
      const double term = row[z] * (re * re + im * im);
      full += term;
      if (multiplicity(z, settings_.mesh[2]) == 1.0) once += term;
      spectrum[2 * z] *= row[z];
      spectrum[2 * z + 1] *= row[z];
    }
    sums.energy += full - 0.5 * once;
  }
  return sums;
}

template <class Real>
void Influence<Real>::add_strain(int x, int y, const Real* spectrum, double sums[6]) const {
  const Real* const row = &values_[index(x, y)];
  double moments[6] = {};  // sum of -d ln phi/d(k²) G |rho|² n_a n_b
  for (int z = x + y == 0 ? 1 : 0; z < modes_; ++z) {
    const Mode m = mode(x, y, z);
    const double re = spectrum[2 * z], im = spectrum[2 * z + 1], k2 = squared(m);
    const double term = multiplicity(z, settings_.mesh[2]) * row[z] * (re * re + im * im) *
                        (settings_.kernel.log_slope(k2) + 1.0 / k2);
    for (int c = 0; c < 6; ++c) moments[c] += term * m.product[c];
  }
  for (int c = 0; c < 6; ++c) {
    const auto [a, b] = axes[c];
    double sum = 0.0;
    for (int e = 0; e < 6; ++e) {
      const auto [i, j] = axes[e];
      sum += moments[e] * reciprocal_[i][a] * reciprocal_[j][b];
      if (i != j) sum += moments[e] * reciprocal_[j][a] * reciprocal_[i][b];
    }
    sums[c] += sum;
  }
}

template class Influence<float>;
template class Influence<double>;

}  // namespace hotpp::pme
