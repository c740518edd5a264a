// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/radial_table.h"

#include <algorithm>
#include <cmath>

#include "pme/constants.h"
#include "pme/gauss_legendre.h"

namespace hotpp::pme {
namespace {

constexpr int functions = RadialTable::functions, coefficients = RadialTable::coefficients;

/// j_n(x) / x^n for n = 0 .. 3, the spherical Bessel functions without their zero at x = 0.
void reduced_bessel(double x, double values[functions]) {
  if (x < 6.0) {  // power series: upward recursion loses digits below
    double first = 1.0;
    for (int n = 0; n < functions; ++n) {
      first /= 2 * n + 1;
      double term = first, sum = first;
      for (int m = 1; m < 30; ++m) {
        term *= -0.5 * x * x / (m * (2 * n + 2 * m + 1));
        sum += term;
      }
      values[n] = sum;
    }
    return;
  }
  double previous = std::cos(x);
  values[0] = std::sin(x) / x;
  for (int n = 0; n + 1 < functions; ++n) {
    values[n + 1] = ((2 * n + 1) * values[n] - previous) / (x * x);
    previous = values[n];
  }
}

/// Gauss-Legendre quadrature over the wave numbers of the kernel.
class Quadrature {
 public:
  Quadrature(const Kernel& kernel, double farthest) {
    const double extent =
        kernel.kind == KernelKind::Gaussian ? 9.0 / kernel.smearing : std::sqrt(kernel.cutoff_squared);
    const int points = 40 + static_cast<int>(std::ceil(0.5 * extent * farthest));  // resolves cos(k r)
    std::vector<double> nodes(points), weights(points);
    gauss_legendre(points, nodes.data(), weights.data());
    for (int i = 0; i < points; ++i) {
      const double wave = 0.5 * extent * (nodes[i] + 1.0);
      k_.push_back(wave);
      weight_.push_back(extent / pi * weights[i] * kernel.screening(wave * wave));
    }
  }

  void operator()(double r, double values[functions]) const {
    std::fill_n(values, functions, 0.0);
    for (std::size_t i = 0; i < k_.size(); ++i) {
      double bessel[functions], scale = weight_[i];
      reduced_bessel(k_[i] * r, bessel);
      for (int n = 0; n < functions; ++n, scale *= k_[i] * k_[i]) values[n] += scale * bessel[n];
    }
  }

 private:
  std::vector<double> k_, weight_;
};

}  // namespace

RadialTable::RadialTable(const Kernel& kernel, double farthest) : farthest_(farthest) {
  const bool gaussian = kernel.kind == KernelKind::Gaussian;
  tabulated_ = gaussian ? 9.0 * kernel.smearing : farthest * (1.0 + 1e-12);
  const double width = 0.25 * kernel.smearing;
  inverse_width_ = 1.0 / width;
  const int intervals = static_cast<int>(std::ceil(tabulated_ / width));
  table_.assign(static_cast<std::size_t>(intervals) * functions * coefficients, 0.0);
  // Chebyshev interpolation, rewritten in powers of t: monomials[j] = coefficients of T_j.
  double monomials[coefficients][coefficients] = {};
  monomials[0][0] = monomials[1][1] = 1.0;
  for (int j = 2; j < coefficients; ++j)
    for (int p = 0; p < coefficients; ++p)
      monomials[j][p] = (p > 0 ? 2.0 * monomials[j - 1][p - 1] : 0.0) - monomials[j - 2][p];
  // quadratures with as many points as the distance needs: the far part of a large cluster is expensive
  constexpr int stride = 32;
#pragma omp parallel for schedule(dynamic)
  for (int start = 0; start < intervals; start += stride) {
    const int stop = std::min(intervals, start + stride);
    const Quadrature exact(kernel, stop * width);
    for (int i = start; i < stop; ++i) {
      double values[coefficients][functions];
      for (int n = 0; n < coefficients; ++n) {
        const double t = std::cos(pi * (n + 0.5) / coefficients);
        exact((i + 0.5 * (t + 1.0)) * width, values[n]);
      }
      double* const c = &table_[static_cast<std::size_t>(i) * functions * coefficients];
      for (int j = 0; j < coefficients; ++j)
        for (int f = 0; f < functions; ++f) {
          double sum = 0.0;
          for (int n = 0; n < coefficients; ++n)
            sum += values[n][f] * std::cos(pi * j * (n + 0.5) / coefficients);
          sum *= (j == 0 ? 1.0 : 2.0) / coefficients;
          for (int p = 0; p <= j; ++p) c[p * functions + f] += sum * monomials[j][p];
        }
    }
  }
}

}  // namespace hotpp::pme
