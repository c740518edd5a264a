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
      columns_(settings) {
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
      columns_.influence(y, b, influence_.data() + block(y, b),
                         slope_.empty() ? nullptr : slope_.data() + block(y, b));
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
