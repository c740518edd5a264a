// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/mode_columns.h"

#include "pme/constants.h"

namespace hotpp::pme {
namespace {

constexpr int axes[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};

}  // namespace

ModeColumns::ModeColumns(const Settings& settings)
    : settings_(settings), square_(settings.mesh[0]), factor_x_(settings.mesh[0]) {
  for (int d = 0; d < 3; ++d) {
    const int points = settings.mesh[d];
    deconvolution_[d] = deconvolution_factors(points, settings.order, settings.deconvolution);
    for (int n = 0; n < points; ++n) {
      index_[d].push_back(2 * n <= points ? n : n - points);
      mixed_[d].push_back(2 * n == points ? 0 : index_[d].back());
    }
  }
}

void ModeColumns::set_cell(const Cell& cell) {
  for (int i = 0; i < 3; ++i)
    for (int a = 0; a < 3; ++a) reciprocal_[i][a] = 2.0 * pi * cell.inverse[3 * a + i];
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      metric_[i][j] = 0.0;
      for (int a = 0; a < 3; ++a) metric_[i][j] += reciprocal_[i][a] * reciprocal_[j][a];
    }
  const double prefactor = 4.0 * pi * coulomb_constant / cell.volume;
  for (int x = 0; x < settings_.mesh[0]; ++x) {
    square_[x] = metric_[0][0] * index_[0][x] * index_[0][x];
    factor_x_[x] = prefactor * deconvolution_[0][x];
  }
}

ModeColumn ModeColumns::column(int y, int z_block, int lanes) const {
  ModeColumn c{};
  c.index = index_[0].data();
  c.mixed_index = mixed_[0].data();
  c.square = square_.data();
  c.factor_x = factor_x_.data();
  for (int j = 0; j < lanes; ++j) {
    const int z = z_block * lanes + j;
    if (z >= modes()) continue;
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
void ModeColumns::influence(int y, int z_block, Real* values, Real* slope) const {
  constexpr int lanes = fft_lanes<Real>;
  const ModeColumn c = column(y, z_block, lanes);
  kernels<Real>().influence_of_column(settings_.mesh[0], c, values, slope);
  if (y == 0 && z_block == 0) values[0] = Real(0);  // k = 0
  if (!(settings_.kernel.truncation > 0.0)) return;
  // cuts the pair kernel off (pme/kernel.h); once per box, not worth a kernel of its own
  for (int x = 0; x < settings_.mesh[0]; ++x)
    for (int j = 0; j < lanes; ++j) {
      const double k2 = square_[x] + c.linear[j] * mixed_[0][x] + c.constant[j];
      values[x * lanes + j] *= static_cast<Real>(settings_.kernel.truncation_factor(k2));
    }
}

template void ModeColumns::influence(int, int, float*, float*) const;
template void ModeColumns::influence(int, int, double*, double*) const;

LineSums ModeColumns::line_sums(int y, int z, const double (*sums)[column_lanes], int lane) const {
  // a stored mode of the last axis stands for its mirror image as well, unless it is its own
  const double twice = z == 0 || 2 * z == settings_.mesh[2] ? 1.0 : 2.0;
  const double n2 = index_[1][y], n3 = index_[2][z], m2 = mixed_[1][y], m3 = mixed_[2][z];
  const double t = twice * sums[1][lane], tx = twice * sums[2][lane], txx = twice * sums[3][lane];
  return {0.5 * twice * sums[0][lane], {txx, t * n2 * n2, t * n3 * n3, tx * m2, tx * m3, t * m2 * m3}};
}

void ModeColumns::add_strain(const double moments[6], double strain[6]) const {
  for (int c = 0; c < 6; ++c)
    for (int e = 0; e < 6; ++e) {
      const auto [a, b] = axes[c];
      const auto [i, j] = axes[e];
      strain[c] += moments[e] * reciprocal_[i][a] * reciprocal_[j][b];
      if (i != j) strain[c] += moments[e] * reciprocal_[j][a] * reciprocal_[i][b];
    }
}

}  // namespace hotpp::pme
