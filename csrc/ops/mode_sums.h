// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sums over the modes of one slab (fixed y). They run along x for every z at once: that vectorises without
// changing the order of any sum.
#pragma once

#include <vector>

#include "ops/mode_table.h"

namespace hotpp::ops {

// sum of terms, and of terms times n_i n_j: xx, yy, zz, xy, xz, yz.
struct SlabSum {
  double total = 0.0, moments[6] = {};

  SlabSum& operator+=(const SlabSum& other);
};

// n_i n_j Gamma_ij along a row (x, y): constant + linear n_z + quadratic n_z².
struct RowTangent {
  double constant, linear, quadratic;

  RowTangent(const double* gamma, const Modes& modes, int x, int y);
};

// Terms of a row of modes, as the derivatives of reciprocal_sum.h need them. rho and tau are rows of a
// spectrum, see padded_modes; n is the number of modes with padding.
template <class Real>
struct ModeRow {
  const Real *rho, *tau;                  // tau may be null: zero
  const Real *value, *slope, *curvature;  // of the ModeTable
};

// Adds A |rho|² to sums[n].
template <class Real>
void add_power(int n, const Real* rho, const Real* value, double* sums);

// terms[n] = A' |rho|².
template <class Real>
void slope_terms(int n, const Real* rho, const Real* slope, double* terms);

// to = 2 A rho.
template <class Real>
void convolve(int n, const Real* rho, const Real* value, Real* to);

// Adds 2 A Re(tau rho*) to sums; to = 2 A tau; terms = 2 A' Re(tau rho*) if terms is not null.
template <class Real>
void rho_tangent_terms(const ModeRow<Real>& row, int n, double* sums, Real* to, double* terms);

// Adds g A' |rho|² to sums, 2 g A' rho to `to`, g A'' |rho|² to terms (if not null), g = nΓn.
template <class Real>
void metric_tangent_terms(const ModeRow<Real>& row, int n, const RowTangent& tangent, const AxisModes& z,
                          double* sums, Real* to, double* terms);

// Column sums over x of a slab.
class SlabColumns {
 public:
  explicit SlabColumns(int stored)
      : total(stored), terms(stored), plain_(stored), mixed_(stored), square_(stored) {}
  void clear();
  void add_moments(const Modes& modes, int x);  // of `terms`
  SlabSum finish(const Modes& modes, int y) const;

  std::vector<double> total;  // column sums without moments
  std::vector<double> terms;  // of the present row

 private:
  std::vector<double> plain_, mixed_, square_;
};

}  // namespace hotpp::ops
