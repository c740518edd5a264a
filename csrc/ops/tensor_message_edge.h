// SPDX-License-Identifier: GPL-2.0-or-later
//
// What all channels of an edge share: its direction and its place in the table of radial weights.
//
// The table holds, at K knots uniform in 0 <= r <= cutoff, value y and slope times spacing d of every weight.
// Between two knots, with t in [0, 1],
//
//   w = y0 + t²(3-2t) (y1 - y0) + t(1-t)² d0 - t²(1-t) d1        (cubic Hermite)
//
// in differences, because dw/dr divides by the spacing what y1 and y0 have lost to rounding.
#pragma once

#include <cstdint>

#include "ops/tensor_message_algebra.h"

namespace hotpp::ops {

template <class Real>
struct TableShape {
  std::int64_t knots;
  Real cutoff, inverse_spacing;  // Å, 1/Å
};

// Coefficients of y1 - y0, d0, d1.
template <class N>
struct Hermite {
  N step, begin, end;
};

template <class N>
struct Edge {
  Vector<N> u;  // unit vector from receiver to sender
  N inverse_r;
  N t;
  std::int64_t knot;  // the lower one
};

// Length of an edge; the same bits wherever it is taken.
template <class N>
HOTPP_ALGEBRA N length(const Vector<N>& v) {
  return square_root(dot(v, v));
}

// The lower knot; for r that is not finite any knot will do, the weights are then not finite either.
template <class Real>
HOTPP_ALGEBRA std::int64_t knot_below(Real r, const TableShape<Real>& table) {
  if (!(r < table.cutoff)) return 0;
  const auto knot = static_cast<std::int64_t>(r * table.inverse_spacing);
  return knot < table.knots - 2 ? knot : table.knots - 2;
}

// False for r >= cutoff, where an edge contributes nothing.
template <class N, class Real>
HOTPP_ALGEBRA bool place_edge(const Vector<N>& vector, const TableShape<Real>& table, Edge<N>& edge) {
  const N r = length(vector);
  if (value_of(r) >= table.cutoff) return false;
  edge.knot = knot_below(value_of(r), table);
  edge.inverse_r = inverse(r);
  edge.u = scale(edge.inverse_r, vector);
  edge.t = r * table.inverse_spacing - static_cast<Real>(edge.knot);
  return true;
}

template <class Real, class N>
HOTPP_ALGEBRA Hermite<N> hermite(N t) {
  const N rest = Real(1) - t, square = t * t;
  return {square * (Real(3) - Real(2) * t), t * (rest * rest), (Real(-1) * square) * rest};
}

// Its derivative with respect to r.
template <class Real, class N>
HOTPP_ALGEBRA Hermite<N> hermite_slope(N t, const TableShape<Real>& table) {
  const Real s = table.inverse_spacing;
  const N rest = Real(1) - t;
  return {(Real(6) * s) * (t * rest), s * (rest * (Real(1) - Real(3) * t)),
          s * (t * (Real(3) * t - Real(2)))};
}

// Gradient with respect to the edge vector, from the gradients with respect to r and û.
template <class N>
HOTPP_ALGEBRA Vector<N> vector_gradient(const Edge<N>& edge, N to_r, const Vector<N>& to_u) {
  const N along = to_r - edge.inverse_r * dot(edge.u, to_u);
  return scale(along, edge.u) + scale(edge.inverse_r, to_u);
}

}  // namespace hotpp::ops
