// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/convolution.h"

#include <algorithm>

#include "pme/constants.h"

namespace hotpp::pme {

template <class Real>
Convolution<Real>::Convolution(const Settings& settings, const Grid<Real>& grid)
    : settings_(settings),
      grid_(grid),
      blocks_((grid.modes() + lanes - 1) / lanes),
      x_(grid.points[0]),
      y_(grid.points[1]),
      z_(grid.points[2]),
      square_(grid.points[0]),
      factor_x_(grid.points[0]) {
  for (int d = 0; d < 3; ++d) {
    const int points = grid.points[d];
    deconvolution_[d] = deconvolution_factors(points, settings.order, settings.deconvolution);
    for (int n = 0; n < points; ++n) {
      index_[d].push_back(2 * n <= points ? n : n - points);
      mixed_[d].push_back(2 * n == points ? 0 : index_[d].back());
    }
  }
  influence_.resize(block(grid.points[1], 0));
  if (settings.kernel.kind != KernelKind::Gaussian) slope_.resize(influence_.size());
}

template <class Real>
std::size_t Convolution<Real>::scratch_size() const {
  return line_scratch<Real>(std::max({grid_.points[0], grid_.points[1], grid_.points[2]}));
}

template <class Real>
ModeColumn Convolution<Real>::column(int y, int z_block) const {
  ModeColumn c{};
  c.index = index_[0].data();
  c.mixed_index = mixed_[0].data();
  c.square = square_.data();
  c.factor_x = factor_x_.data();
  for (int j = 0; j < lanes; ++j) {
    const int z = z_block * lanes + j;
    if (z >= grid_.modes()) continue;  // padding: factor 0
    c.constant[j] = metric_[1][1] * index_[1][y] * index_[1][y] +
                    metric_[2][2] * index_[2][z] * index_[2][z] +
                    2.0 * metric_[1][2] * mixed_[1][y] * mixed_[2][z];
    c.linear[j] = 2.0 * (metric_[0][1] * mixed_[1][y] + metric_[0][2] * mixed_[2][z]);
    c.factor[j] = deconvolution_[1][y] * deconvolution_[2][z];
  }
  const Kernel& kernel = settings_.kernel;
  c.half_variance = 0.5 * kernel.smearing * kernel.smearing;
  if (kernel.kind != KernelKind::Gaussian) {
    c.chebyshev = kernel.chebyshev;
    c.chebyshev_terms = Kernel::terms;
    c.cutoff_squared = kernel.cutoff_squared;
  }
  return c;
}

template <class Real>
void Convolution<Real>::set_cell(const Cell& cell) {
  for (int i = 0; i < 3; ++i)
    for (int a = 0; a < 3; ++a) reciprocal_[i][a] = 2.0 * pi * cell.inverse[3 * a + i];
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      metric_[i][j] = 0.0;
      for (int a = 0; a < 3; ++a) metric_[i][j] += reciprocal_[i][a] * reciprocal_[j][a];
    }
  const double prefactor = 4.0 * pi * coulomb_constant / cell.volume;
  for (int x = 0; x < grid_.points[0]; ++x) {
    square_[x] = metric_[0][0] * index_[0][x] * index_[0][x];
    factor_x_[x] = prefactor * deconvolution_[0][x];
  }
#pragma omp parallel for schedule(static)
  for (int y = 0; y < grid_.points[1]; ++y)
    for (int b = 0; b < blocks_; ++b)
      kernels<Real>().influence_of_column(grid_.points[0], column(y, b), influence_.data() + block(y, b),
                                          slope_.empty() ? nullptr : slope_.data() + block(y, b));
  influence_[0] = Real(0);  // k = 0
  if (settings_.kernel.truncation > 0.0) truncate();
}

/// Cuts the pair kernel off (pme/kernel.h); once per box, not worth a kernel of its own.
template <class Real>
void Convolution<Real>::truncate() {
#pragma omp parallel for schedule(static)
  for (int y = 0; y < grid_.points[1]; ++y)
    for (int b = 0; b < blocks_; ++b) {
      const ModeColumn c = column(y, b);
      Real* const values = influence_.data() + block(y, b);
      for (int x = 0; x < grid_.points[0]; ++x)
        for (int j = 0; j < lanes; ++j) {
          const double k2 = square_[x] + c.linear[j] * mixed_[0][x] + c.constant[j];
          values[x * lanes + j] *= settings_.kernel.truncation_factor(k2);
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
  double moments[3][3] = {};  // sum of T n_i n_j
  for (int b = 0; b < blocks_; ++b) {
    Real* const lines = mesh + y * grid_.row + b * 2 * lanes;
    const Real* const slope = slope_.empty() ? nullptr : slope_.data() + block(y, b);
    if (!want_sums) {
      kernels<Real>().convolve_lines(x_.plan(), lines, grid_.plane, influence_.data() + block(y, b), nullptr,
                                     slope, nullptr, scratch);
      continue;
    }
    double sums[4][column_lanes];
    const ModeColumn c = column(y, b);
    kernels<Real>().convolve_lines(x_.plan(), lines, grid_.plane, influence_.data() + block(y, b), &c, slope,
                                   sums, scratch);
    for (int j = 0; j < lanes && b * lanes + j < grid_.modes(); ++j) {
      const int z = b * lanes + j;
      // a stored mode of the last axis stands for its mirror image as well, unless it is its own
      const double twice = z == 0 || 2 * z == grid_.points[2] ? 1.0 : 2.0;
      const double n2 = index_[1][y], n3 = index_[2][z], m2 = mixed_[1][y], m3 = mixed_[2][z];
      total.energy += 0.5 * twice * sums[0][j];
      moments[0][0] += twice * sums[3][j];
      moments[1][1] += twice * sums[1][j] * n2 * n2;
      moments[2][2] += twice * sums[1][j] * n3 * n3;
      moments[0][1] += twice * sums[2][j] * m2;
      moments[0][2] += twice * sums[2][j] * m3;
      moments[1][2] += twice * sums[1][j] * m2 * m3;
    }
  }
  if (!want_sums) return total;
  constexpr int axes[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  for (int c = 0; c < 6; ++c)
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j)
        total.strain[c] +=
            moments[i < j ? i : j][i < j ? j : i] * reciprocal_[i][axes[c][0]] * reciprocal_[j][axes[c][1]];
  return total;
}

template class Convolution<float>;
template class Convolution<double>;

}  // namespace hotpp::pme
