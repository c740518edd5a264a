// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/mode_lines.h"

#include "pme/mpi/line_fft.h"

namespace hotpp::pme {
namespace {

constexpr int lanes = 8;  // partial sums of a line, so that they can be taken with vectors

double total(const double* partial) {
  double sum = 0.0;
  for (int k = 0; k < lanes; ++k) sum += partial[k];
  return sum;
}

}  // namespace

template <class Real>
ModeLines<Real>::ModeLines(const Settings& settings, Range y, Range z)
    : mesh_(settings.mesh),
      y_(y),
      z_(z),
      modes_(settings),
      stride_(line_stride<Real>(settings.mesh[0])),
      values_(lines() * static_cast<std::size_t>(stride_)),
      line_sums_(lines()) {}

template <class Real>
void ModeLines<Real>::set_cell(const Cell& cell) {
  modes_.set_cell(cell);
#pragma omp parallel for schedule(static)
  for (int y = y_.begin; y < y_.end; ++y)
    for (int z = z_.begin; z < z_.end; ++z) {
      Real* const line = values_.data() + ((y - y_.begin) * z_.size() + z - z_.begin) * stride_;
      for (int x = 0; x < mesh_[0]; ++x) line[x] = static_cast<Real>(modes_.influence(x, y, z));
    }
}

template <class Real>
typename ModeLines<Real>::LineSums ModeLines<Real>::apply_line(int y, int z, const Real* influence,
                                                               Real* line, bool want_strain) const {
  const int points = mesh_[0];
  const double weight = multiplicity(z, mesh_[2]);
  LineSums sums{};
  double energy[lanes] = {};
  if (want_strain) {
    const SignedMode my = signed_mode(y, mesh_[1]), mz = signed_mode(z, mesh_[2]);
    double t0[lanes] = {}, t1[lanes] = {}, t2[lanes] = {};  // sums of the weight, times n_x, times n_x²
    for (int x = y + z == 0 ? 1 : 0; x < points; ++x) {     // not the mode k = 0
      const SignedMode mx = signed_mode(x, points);
      const double re = line[2 * x], im = line[2 * x + 1];
      const double t =
          influence[x] * (re * re + im * im) * modes_.log_slope(modes_.squared(modes_.products(x, y, z)));
      t0[x % lanes] += t;
      t1[x % lanes] += t * mx.mixed;
      t2[x % lanes] += t * mx.n * mx.n;
    }
    const double s0 = weight * total(t0), s1 = weight * total(t1);
    const double moments[6] = {weight * total(t2), s0 * my.n * my.n, s0 * mz.n * mz.n,
                               s1 * my.mixed,      s1 * mz.mixed,    s0 * my.mixed * mz.mixed};
    std::copy(moments, moments + 6, sums.moments);
  }
  for (int x = 0; x < points; ++x) {
    const double re = line[2 * x], im = line[2 * x + 1];
    energy[x % lanes] += influence[x] * (re * re + im * im);
    line[2 * x] *= influence[x];
    line[2 * x + 1] *= influence[x];
  }
  sums.energy = 0.5 * weight * total(energy);
  return sums;
}

template <class Real>
void ModeLines<Real>::apply(Real* spectrum, std::ptrdiff_t stride, bool want_strain, ExactModeSums* sums) {
  const auto count = static_cast<std::ptrdiff_t>(lines());
#pragma omp parallel for schedule(static)
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    const int y = y_.begin + static_cast<int>(k / z_.size()), z = z_.begin + static_cast<int>(k % z_.size());
    line_sums_[k] = apply_line(y, z, values_.data() + k * stride_, spectrum + k * stride, want_strain);
  }
  for (const LineSums& line : line_sums_) {
    bool fits = sums->energy.add(line.energy);
    if (want_strain)
      for (int c = 0; c < 6; ++c) fits &= sums->moments[c].add(line.moments[c]);
    sums->too_large |= !fits;
  }
}

template class ModeLines<float>;
template class ModeLines<double>;

}  // namespace hotpp::pme
