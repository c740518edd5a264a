// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/mode_sums.h"

#include <algorithm>

// The compiler makes versions for wider vectors with fused multiply-add beside the portable one, and the
// loader chooses by processor.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(__FMA__)
#define HOTPP_CLONES __attribute__((target_clones("default", "fma")))
#else
#define HOTPP_CLONES
#endif

namespace hotpp::ops {
namespace {

HOTPP_CLONES void add_columns(int n, double n_mixed, double n_square, const double* terms, double* plain,
                              double* mixed, double* square) {
  for (int z = 0; z < n; ++z) {
    plain[z] += terms[z];
    mixed[z] += n_mixed * terms[z];
    square[z] += n_square * terms[z];
  }
}

}  // namespace

SlabSum& SlabSum::operator+=(const SlabSum& other) {
  total += other.total;
  for (int c = 0; c < 6; ++c) moments[c] += other.moments[c];
  return *this;
}

RowTangent::RowTangent(const double* gamma, const Modes& modes, int x, int y)
    : constant(gamma[0] * modes.x.square[x] + gamma[4] * modes.y.square[y] +
               (gamma[1] + gamma[3]) * modes.x.mixed[x] * modes.y.mixed[y]),
      linear((gamma[2] + gamma[6]) * modes.x.mixed[x] + (gamma[5] + gamma[7]) * modes.y.mixed[y]),
      quadratic(gamma[8]) {}

// Loops over the modes z of a row; re and im: where the parts of mode z are in a row of a spectrum.
#define HOTPP_FOR_MODES(n)                         \
  constexpr int lanes = pme::fft_lanes<Real>;      \
  for (int block = 0; block < (n); block += lanes) \
    for (int lane = 0, z = block, re = 2 * block, im = re + lanes; lane < lanes; ++lane, ++z, ++re, ++im)

template <class Real>
HOTPP_CLONES void add_power(int n, const Real* rho, const Real* value, double* sums) {
  HOTPP_FOR_MODES(n) sums[z] += static_cast<double>(value[z]) * (rho[re] * rho[re] + rho[im] * rho[im]);
}

template <class Real>
HOTPP_CLONES void slope_terms(int n, const Real* rho, const Real* slope, double* terms) {
  HOTPP_FOR_MODES(n) terms[z] = static_cast<double>(slope[z]) * (rho[re] * rho[re] + rho[im] * rho[im]);
}

template <class Real>
HOTPP_CLONES void convolve(int n, const Real* rho, const Real* value, Real* to) {
  HOTPP_FOR_MODES(n) {
    to[re] = 2 * value[z] * rho[re];
    to[im] = 2 * value[z] * rho[im];
  }
}

template <class Real>
HOTPP_CLONES void rho_tangent_terms(const ModeRow<Real>& row, int n, double* sums, Real* to, double* terms) {
  if (terms) {
    HOTPP_FOR_MODES(n) {
      const double overlap = 2.0 * (row.tau[re] * row.rho[re] + row.tau[im] * row.rho[im]);
      terms[z] = row.slope[z] * overlap;
    }
  }
  HOTPP_FOR_MODES(n) {
    const double overlap = 2.0 * (row.tau[re] * row.rho[re] + row.tau[im] * row.rho[im]);
    sums[z] += row.value[z] * overlap;
    to[re] = 2 * row.value[z] * row.tau[re];
    to[im] = 2 * row.value[z] * row.tau[im];
  }
}

template <class Real>
HOTPP_CLONES void metric_tangent_terms(const ModeRow<Real>& row, int n, const RowTangent& tangent,
                                       const AxisModes& z_axis, double* sums, Real* to, double* terms) {
  const auto along = [&](int z) {
    return tangent.constant + tangent.linear * z_axis.mixed[z] + tangent.quadratic * z_axis.square[z];
  };
  if (terms) {
    HOTPP_FOR_MODES(n)
    terms[z] += row.curvature[z] * along(z) * (row.rho[re] * row.rho[re] + row.rho[im] * row.rho[im]);
  }
  HOTPP_FOR_MODES(n) {
    const double factor = along(z) * row.slope[z];
    sums[z] += factor * (row.rho[re] * row.rho[re] + row.rho[im] * row.rho[im]);
    to[re] += static_cast<Real>(2.0 * factor * row.rho[re]);
    to[im] += static_cast<Real>(2.0 * factor * row.rho[im]);
  }
}

void SlabColumns::clear() {
  for (auto* column : {&total, &terms, &plain_, &mixed_, &square_})
    std::fill(column->begin(), column->end(), 0.0);
}

void SlabColumns::add_moments(const Modes& modes, int x) {
  add_columns(modes.stored(), modes.x.mixed[x], modes.x.square[x], terms.data(), plain_.data(), mixed_.data(),
              square_.data());
}

SlabSum SlabColumns::finish(const Modes& modes, int y) const {
  SlabSum sum;
  double plain = 0.0, mixed = 0.0, linear = 0.0;
  for (int z = 0; z < modes.stored(); ++z) {
    const double count = modes.z.occurrences[z];
    sum.total += count * total[z];
    plain += count * plain_[z];
    mixed += count * mixed_[z];
    linear += count * modes.z.mixed[z] * plain_[z];
    sum.moments[0] += count * square_[z];
    sum.moments[2] += count * modes.z.square[z] * plain_[z];
    sum.moments[4] += count * modes.z.mixed[z] * mixed_[z];
  }
  sum.moments[1] = modes.y.square[y] * plain;
  sum.moments[3] = modes.y.mixed[y] * mixed;
  sum.moments[5] = modes.y.mixed[y] * linear;
  return sum;
}

#define HOTPP_INSTANTIATE(REAL)                                                                      \
  template void add_power(int, const REAL*, const REAL*, double*);                                   \
  template void slope_terms(int, const REAL*, const REAL*, double*);                                 \
  template void convolve(int, const REAL*, const REAL*, REAL*);                                      \
  template void rho_tangent_terms(const ModeRow<REAL>&, int, double*, REAL*, double*);               \
  template void metric_tangent_terms(const ModeRow<REAL>&, int, const RowTangent&, const AxisModes&, \
                                     double*, REAL*, double*);
HOTPP_INSTANTIATE(float)
HOTPP_INSTANTIATE(double)

}  // namespace hotpp::ops
