// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/prolate.h"

#include <cmath>

namespace hotpp::pme {
namespace {

constexpr int size = 48;  // even Legendre polynomials up to degree 94: rounding for c <= 40

/// The operator d/dx (1 - x²) d/dx - c² x², with the sign changed, between normalised even Legendre
/// polynomials: tridiagonal (Xiao, Rokhlin & Yarvin 2001, eq. 62); psi_0 has the lowest eigenvalue.
struct Tridiagonal {
  double diagonal[size], off[size];

  explicit Tridiagonal(double c) {
    for (int i = 0; i < size; ++i) {
      const double j = 2 * i;
      diagonal[i] = j * (j + 1) + (2 * j * (j + 1) - 1) / ((2 * j + 3) * (2 * j - 1)) * c * c;
      off[i] = (j + 2) * (j + 1) / ((2 * j + 3) * std::sqrt((2 * j + 1) * (2 * j + 5))) * c * c;
    }
  }

  /// Whether every eigenvalue lies above x (Sturm: all pivots positive).
  bool above(double x) const {
    double pivot = diagonal[0] - x;
    for (int i = 1; i < size; ++i) {
      if (!(pivot > 0)) return false;
      pivot = diagonal[i] - x - off[i - 1] * off[i - 1] / pivot;
    }
    return pivot > 0;
  }

  double lowest() const {
    double low = diagonal[0], high = diagonal[0];  // the lowest eigenvalue lies below any diagonal entry
    while (!above(low)) low -= 1.0 + std::abs(low);
    for (int step = 0; step < 100; ++step) {
      const double middle = 0.5 * (low + high);
      if (middle <= low || middle >= high) break;
      (above(middle) ? low : high) = middle;
    }
    return low;
  }
};

}  // namespace

Prolate::Prolate(double bandlimit) : bandlimit_(bandlimit), legendre_(size, 0.0) {
  const Tridiagonal matrix(bandlimit);
  eigenvalue_ = matrix.lowest();
  // Inverse iteration just below the eigenvalue, where every pivot is positive.
  const double shift = eigenvalue_ - 1e-10 * (1.0 + std::abs(eigenvalue_));
  double pivot[size];
  pivot[0] = matrix.diagonal[0] - shift;
  for (int i = 1; i < size; ++i)
    pivot[i] = matrix.diagonal[i] - shift - matrix.off[i - 1] * matrix.off[i - 1] / pivot[i - 1];
  std::vector<double>& v = legendre_;
  v[0] = 1.0;
  for (int sweep = 0; sweep < 4; ++sweep) {
    for (int i = 1; i < size; ++i) v[i] -= matrix.off[i - 1] / pivot[i - 1] * v[i - 1];
    v[size - 1] /= pivot[size - 1];
    for (int i = size - 2; i >= 0; --i) v[i] = (v[i] - matrix.off[i] * v[i + 1]) / pivot[i];
    const double scale = 1.0 / v[0];
    for (double& x : v) x *= scale;
  }
  for (int i = 0; i < size; ++i) v[i] *= std::sqrt(2.0 * i + 0.5);
  at_zero_ = 1.0;
  at_zero_ = (*this)(0.0);
}

double Prolate::operator()(double x) const {
  double sum = 0.0, previous = 0.0, current = 1.0;  // P_{n-1}, P_n
  for (int n = 0; n < 2 * size; ++n) {
    if (n % 2 == 0) sum += legendre_[n / 2] * current;
    const double next = ((2 * n + 1) * x * current - n * previous) / (n + 1);
    previous = current;
    current = next;
  }
  return sum / at_zero_;
}

// The differential equation at x = 0: psi'' = -eigenvalue psi.
double Prolate::curvature() const { return -eigenvalue_; }

double Prolate::bandlimit_of_edge(double edge) {
  double low = 0.1, high = 40.0;
  for (int step = 0; step < 60; ++step) {
    const double middle = 0.5 * (low + high);
    (Prolate(middle)(1.0) > edge ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace hotpp::pme
