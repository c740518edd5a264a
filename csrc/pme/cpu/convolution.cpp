// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/convolution.h"

#include <algorithm>

namespace hotpp::pme {

template <class Real>
Convolution<Real>::Convolution(const Settings& settings, const Grid<Real>& grid)
    : grid_(grid),
      blocks_((grid.modes() + lanes - 1) / lanes),
      x_(grid.points[0]),
      y_(grid.points[1]),
      z_(grid.points[2]),
      columns_(settings),
      kernel_(settings.kernel) {
  influence_.resize(block(grid.points[1], 0));
  if (settings.kernel.kind != KernelKind::Gaussian) slope_.resize(influence_.size());
}

template <class Real>
std::size_t Convolution<Real>::scratch_size() const {
  return line_scratch<Real>(std::max({grid_.points[0], grid_.points[1], grid_.points[2]}));
}

template <class Real>
void Convolution<Real>::set_cell(const Cell& cell) {
  columns_.set_cell(cell);
#pragma omp parallel for schedule(static)
  for (int y = 0; y < grid_.points[1]; ++y)
    for (int b = 0; b < blocks_; ++b)
      kernels<Real>().influence_of_column(grid_.points[0], columns_.column(y, b, lanes),
                                          influence_.data() + block(y, b),
                                          slope_.empty() ? nullptr : slope_.data() + block(y, b));
  influence_[0] = Real(0);  // k = 0
  if (kernel_.truncation > 0.0) truncate();
}

/// Cuts the pair kernel off (pme/kernel.h); once per box, not worth a kernel of its own.
template <class Real>
void Convolution<Real>::truncate() {
#pragma omp parallel for schedule(static)
  for (int y = 0; y < grid_.points[1]; ++y)
    for (int b = 0; b < blocks_; ++b) {
      const ModeColumn c = columns_.column(y, b, lanes);
      Real* const values = influence_.data() + block(y, b);
      for (int x = 0; x < grid_.points[0]; ++x)
        for (int j = 0; j < lanes; ++j) {
          const double k2 = c.square[x] + c.linear[j] * c.mixed_index[x] + c.constant[j];
          values[x * lanes + j] *= kernel_.truncation_factor(k2);
        }
    }
}

template <class Real>
void Convolution<Real>::plane_forward(Real* mesh, int x, Real* scratch) const {
  Real* const plane = mesh + x * grid_.plane;
  kernels<Real>().transform_rows_forward(z_.plan(), plane, grid_.row, grid_.points[1], scratch);
  kernels<Real>().transform_lines(y_.plan(), plane, grid_.row, blocks_, 2 * lanes, false, scratch);
}

template <class Real>
void Convolution<Real>::plane_backward(Real* mesh, int x, Real* scratch) const {
  Real* const plane = mesh + x * grid_.plane;
  kernels<Real>().transform_lines(y_.plan(), plane, grid_.row, blocks_, 2 * lanes, true, scratch);
  kernels<Real>().transform_rows_backward(z_.plan(), plane, grid_.row, grid_.points[1], scratch);
}

template <class Real>
ModeSums Convolution<Real>::slab(Real* mesh, int y, bool want_sums, Real* scratch) const {
  ModeSums total;
  double moments[6] = {};
  for (int b = 0; b < blocks_; ++b) {
    Real* const lines = mesh + y * grid_.row + b * 2 * lanes;
    const Real* const slope = slope_.empty() ? nullptr : slope_.data() + block(y, b);
    if (!want_sums) {
      kernels<Real>().convolve_lines(x_.plan(), lines, grid_.plane, influence_.data() + block(y, b), nullptr,
                                     slope, nullptr, scratch);
      continue;
    }
    double sums[4][column_lanes];
    const ModeColumn c = columns_.column(y, b, lanes);
    kernels<Real>().convolve_lines(x_.plan(), lines, grid_.plane, influence_.data() + block(y, b), &c, slope,
                                   sums, scratch);
    for (int j = 0; j < lanes && b * lanes + j < grid_.modes(); ++j) {
      const LineSums line = columns_.line_sums(y, b * lanes + j, sums, j);
      total.energy += line.energy;
      for (int m = 0; m < 6; ++m) moments[m] += line.moments[m];
    }
  }
  if (want_sums) columns_.add_strain(moments, total.strain);
  return total;
}

template class Convolution<float>;
template class Convolution<double>;

}  // namespace hotpp::pme
