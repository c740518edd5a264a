// SPDX-License-Identifier: GPL-2.0-or-later
// How much one atom can add to mesh points at a distance: upper bounds of the weights, for the scale of the
// fixed-point mesh.
//
// Atoms are counted in bins of 2 x 2 x 2 mesh points (by the first point of their stencil). With
//   size_i = sum_c |coefficient_c| g^(order of derivative c),   e_j = max_d max_t |d^d w_j / dt^d| / g^d
// an atom adds at most size_i e_jx e_jy e_jz to point j of its stencil, hence to any point k bins further on
// at most size_i times the product of envelope[axis][k].
#pragma once

#include "pme/splines.h"

namespace hotpp::pme::cuda {

constexpr int bin_edge = 2, most_bins = 6;

struct Envelope {
  int offsets[3];            ///< bins that reach a point, its own included, per axis
  double e[3][most_bins];    ///< of the weights, k bins further on
  double derivative_factor;  ///< g
};

/// Largest B_order(x) in low <= x <= high: the spline falls on both sides of 0.
inline double peak_between(int order, double low, double high) {
  return centred_spline(order, low > 0 ? low : high < 0 ? high : 0.0);
}

/// Bound of the d-th derivative of weight j: differences of splines of order p-d, all positive.
inline double largest_weight(int order, int j, int d) {
  const double low = 0.5 * (order - 1) - j - 0.5, high = low + 1.0;
  const auto peak = [&](double shift) { return peak_between(order - d, low + shift, high + shift); };
  const auto larger = [](double a, double b) { return a > b ? a : b; };
  if (d == 0) return peak(0.0);
  if (d == 1) return larger(peak(0.5), peak(-0.5));
  if (d == 2) return larger(peak(1.0) + peak(-1.0), 2.0 * peak(0.0));
  return larger(peak(1.5) + 3.0 * peak(-0.5), 3.0 * peak(0.5) + peak(-1.5));
}

inline Envelope make_envelope(int order, int rank, const int points[3]) {
  Envelope envelope{};
  // twice as steep as the highest point: weights at the rim then count little, where derivatives are large
  double steepest = 0.0;
  for (int j = 0; j < order; ++j)
    if (largest_weight(order, j, 1) > steepest) steepest = largest_weight(order, j, 1);
  const double g = envelope.derivative_factor = 2.0 * steepest / centred_spline(order, 0.0);
  double weights[max_order];
  for (int j = 0; j < order; ++j) {
    weights[j] = 0.0;
    double power = 1.0;
    for (int d = 0; d <= rank; ++d, power *= g)
      if (largest_weight(order, j, d) / power > weights[j]) weights[j] = largest_weight(order, j, d) / power;
  }
  for (int axis = 0; axis < 3; ++axis) {
    // Bin k before that of a point: the point is number 2k-1 .. 2k+1 of a stencil that begins there; across
    // the end of an odd number of points, where the last bin holds one point, also 2k-2.
    const int nearer = points[axis] % bin_edge == 0 ? 1 : 2;
    for (int k = 0; bin_edge * k - nearer < order; ++k) {
      envelope.offsets[axis] = k + 1;
      for (int j = bin_edge * k - nearer; j <= bin_edge * k + 1; ++j)
        if (j >= 0 && j < order && weights[j] > envelope.e[axis][k]) envelope.e[axis][k] = weights[j];
    }
  }
  return envelope;
}

}  // namespace hotpp::pme::cuda
