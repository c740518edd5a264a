// SPDX-License-Identifier: GPL-2.0-or-later
// Centred cardinal B-splines: the weights that assign charges to mesh points (Hockney & Eastwood 1988, ch.
// 5).
//
// An atom at mesh coordinate u touches the p = order nearest mesh points of an axis:
//   first = floor(u + (p odd)/2) - (p-1)/2 (integer division)
//   t     = u - first - (p-1)/2, in [-1/2, 1/2)
//   w_j   = B_p(t + (p-1)/2 - j), j = 0..p-1, the weight of the point first + j.
// Each w_j is a polynomial in t. With |t| <= 1/2 Horner's scheme is stable in float32; polynomials in a
// global coordinate lose 3 to 4 digits.
#pragma once

#include <type_traits>

#include "pme/host_device.h"

namespace hotpp::pme {

/// Orders 9 and 10 need two vectors per row, so an atom costs 2.5 times as much: at an error of 1e-4 their coarser
/// mesh (h up to 19 % larger) does not pay for it, at 1e-6 (45 %) it would, by a factor below 2.
constexpr int min_order = 3, max_order = 8;

/// Columns of the weight arrays: the order rounded up to a whole SIMD vector, the extra weights are zero.
constexpr int padded_order(int order) { return order <= 4 ? 4 : 8; }

/// c[k][j]: coefficient of t^k in the D-th derivative of w_j, order P, W columns.
template <class Real, int P, int W>
struct WeightPolynomials {
  Real c[P][W];
};

/// Built by the recursion over orders
///   w^p_j = [(p - 1/2 - j + t) w^(p-1)_(j-1) + (1/2 + j - t) w^(p-1)_j] / (p - 1).
template <class Real, int P, int W>
HOTPP_HOST_DEVICE constexpr WeightPolynomials<Real, P, W> weight_polynomials(int derivative) {
  double c[P][P + 1] = {};  // c[k][j + 1], so that w_(-1) = 0 is there
  c[0][1] = 1.0;
  for (int p = 2; p <= P; ++p)
    for (int j = p - 1; j >= 0; --j) {
      double next[P] = {};
      for (int k = 0; k < p; ++k) {
        const double lower = c[k][j], same = j < p - 1 ? c[k][j + 1] : 0.0;
        next[k] += ((p - 0.5 - j) * lower + (0.5 + j) * same) / (p - 1);
        if (k + 1 < p) next[k + 1] += (lower - same) / (p - 1);
      }
      for (int k = 0; k < P; ++k) c[k][j + 1] = next[k];
    }
  WeightPolynomials<Real, P, W> result{};
  for (int j = 0; j < P; ++j)
    for (int k = 0; k + derivative < P; ++k) {
      double factor = 1.0;
      for (int d = 1; d <= derivative; ++d) factor *= k + d;
      result.c[k][j] = static_cast<Real>(factor * c[k + derivative][j + 1]);
    }
  return result;
}

/// The D-th derivative of the weights with respect to the mesh coordinate; w[W].
template <int P, int D, int W, class Real>
HOTPP_HOST_DEVICE inline void spline_weights(Real t, Real* w) {
  static_assert(D < P, "the derivative is zero everywhere");
#ifdef __CUDA_ARCH__
  constexpr auto polynomials = weight_polynomials<Real, P, W>(D);
#else
  static constexpr auto polynomials = weight_polynomials<Real, P, W>(D);
#endif
  HOTPP_UNROLL for (int j = 0; j < W; ++j) w[j] = polynomials.c[P - 1 - D][j];
  HOTPP_UNROLL for (int k = P - 2 - D; k >= 0; --k) {
    HOTPP_UNROLL for (int j = 0; j < W; ++j) w[j] = w[j] * t + polynomials.c[k][j];
  }
}

/// first and t of a mesh coordinate u in [0, points); `first` may be negative (wrap it).
template <class Real>
HOTPP_HOST_DEVICE inline void locate(double u, int order, int* first, Real* t) {
  const double shifted = u + 0.5 * (order % 2);  // u >= 0: truncation is floor
  const int nearest = static_cast<int>(shifted);
  *first = nearest - (order - 1) / 2;
  *t = static_cast<Real>(u - *first - 0.5 * (order - 1));
}

/// B_order(x) itself, any order >= 1; slow, for tables.
inline double centred_spline(int order, double x) {
  if (order == 1) return x >= -0.5 && x < 0.5 ? 1.0 : 0.0;
  return ((0.5 * order + x) * centred_spline(order - 1, x + 0.5) +
          (0.5 * order - x) * centred_spline(order - 1, x - 0.5)) /
         (order - 1);
}

/// Calls f with the order as a compile-time constant.
template <class F>
void with_order(int order, F&& f) {
  switch (order) {
    case 3:
      return f(std::integral_constant<int, 3>{});
    case 4:
      return f(std::integral_constant<int, 4>{});
    case 5:
      return f(std::integral_constant<int, 5>{});
    case 6:
      return f(std::integral_constant<int, 6>{});
    case 7:
      return f(std::integral_constant<int, 7>{});
    case 8:
      return f(std::integral_constant<int, 8>{});
  }
}

}  // namespace hotpp::pme
