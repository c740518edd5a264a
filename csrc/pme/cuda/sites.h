// SPDX-License-Identifier: GPL-2.0-or-later
// Atoms in mesh units, and the weights of their stencils.
#pragma once

#include "pme/cuda/block.h"
#include "pme/cuda/layout.h"
#include "pme/cuda/step.h"
#include "pme/inputs.h"
#include "pme/splines.h"

namespace hotpp::pme::cuda {

template <class Real>
struct Site {
  int first[3];    ///< first mesh point of the stencil, wrapped into the mesh
  int original;    ///< index in the caller's arrays
  Real offset[3];  ///< t, see splines.h
};

HOTPP_HOST_DEVICE inline bool finite(double x) { return x - x == 0.0; }

/// Site of an atom at fractions of the cell; anywhere.
template <class Real>
HOTPP_DEVICE inline void place_fractions(const Layout& layout, const double* fractions, Site<Real>* site) {
  HOTPP_UNROLL for (int d = 0; d < 3; ++d) {
    const int points = layout.points[d];
    // wrap the fraction of the cell, not the mesh coordinate: exact for atoms far outside
    double u = (fractions[d] - floor(fractions[d])) * points;
    if (!(u < points)) u = 0.0;  // -1e-17 rounds to a whole cell; overflow gives NaN
    locate(u, layout.order, &site->first[d], &site->offset[d]);
    if (site->first[d] < 0) site->first[d] += points;
  }
}

/// Site of an atom at mesh coordinates; the origin if they are not finite or so far away that less than 7
/// digits are left of the place within the mesh. Returns whether they are good.
template <class Real>
HOTPP_DEVICE inline bool place_coordinates(const Layout& layout, const double* u, Site<Real>* site) {
  bool good = true;
  for (int d = 0; d < 3; ++d) good = good && fabs(u[d]) <= 1e9;
  HOTPP_UNROLL for (int d = 0; d < 3; ++d) {
    const int points = layout.points[d];
    double inside = good ? u[d] - floor(u[d] / points) * points : 0.0;
    if (!(inside >= 0.0 && inside < points)) inside = 0.0;
    locate(inside, layout.order, &site->first[d], &site->offset[d]);
    if (site->first[d] < 0) site->first[d] += points;
  }
  return good;
}

/// Site of atom i and its coefficients: charge, and with dipoles their components in mesh units. An atom that
/// is not finite gets the origin and zeros, so that no index goes astray. Returns what is wrong, 0 or a
/// Problem.
template <class Real>
HOTPP_DEVICE inline unsigned locate_atom(const Step& step, const Layout& layout, int i, Site<Real>* site,
                                         Real* coefficients) {
  const double *const inverse = step.inverse, *const m = step.to_mesh;
  const bool dipoles = step.atoms.dipoles.data != nullptr;
  double r[3], mu[3] = {}, charge = step.atoms.charges[i];
  bool good = finite(charge);
  for (int a = 0; a < 3; ++a) {
    r[a] = step.atoms.positions[3LL * i + a];
    if (dipoles) mu[a] = step.atoms.dipoles[3LL * i + a];
    good = good && finite(r[a]) && finite(mu[a]);
  }
  if (!good) {
    charge = 0.0;
    for (int a = 0; a < 3; ++a) r[a] = mu[a] = 0.0;
  }
  site->original = i;
  coefficients[0] = static_cast<Real>(charge);
  double fractions[3];
  HOTPP_UNROLL for (int d = 0; d < 3; ++d) {
    fractions[d] = r[0] * inverse[d] + r[1] * inverse[3 + d] + r[2] * inverse[6 + d];
    if (dipoles) coefficients[1 + d] = static_cast<Real>(mu[0] * m[d] + mu[1] * m[3 + d] + mu[2] * m[6 + d]);
  }
  place_fractions(layout, fractions, site);
  if (!good) return not_finite;
  const bool near = fabs(fractions[0]) <= max_cells_away && fabs(fractions[1]) <= max_cells_away &&
                    fabs(fractions[2]) <= max_cells_away;
  return near ? 0u : static_cast<unsigned>(too_far);
}

/// all [n, 4] with dipoles, else [n, 1].
template <class Real>
HOTPP_DEVICE inline void store_coefficients(Real* all, int i, bool dipoles, const Real* c) {
  if (!dipoles) {
    all[i] = c[0];
    return;
  }
  HOTPP_UNROLL for (int k = 0; k < 4; ++k) all[4LL * i + k] = c[k];
}

/// Weights and derivatives up to rank D of one axis.
template <class Real, int P, int D>
struct AxisWeights {
  Real w[D + 1][P];

  HOTPP_DEVICE void set(Real t) {
    spline_weights<P, 0, P>(t, w[0]);
    if constexpr (D > 0) spline_weights<P, 1, P>(t, w[1]);
    if constexpr (D > 1) spline_weights<P, 2, P>(t, w[2]);
    if constexpr (D > 2) spline_weights<P, 3, P>(t, w[3]);
  }
};

}  // namespace hotpp::pme::cuda
