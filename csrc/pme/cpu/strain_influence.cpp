// SPDX-License-Identifier: GPL-2.0-or-later
// Influence function of the strain derivative of the potential at fixed charge mesh,
//
//   dG/d(epsilon_ab) = G [2 k_a k_b (-d ln phi/d(k²)) - delta_ab],
//
// by k_a -> k_a - epsilon_ab k_b and 1/V. Where the derivative of the energy is wanted, sums over modes do
// with G alone (mode_columns.h).
#include "pme/cpu/convolution.h"

namespace hotpp::pme {

template <class Real>
void ModeColumns::strain_influence(int y, int z_block, int component, Real* values) const {
  constexpr int lanes = fft_lanes<Real>;
  constexpr int axes[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  const auto [a, b] = axes[component];
  const int points = settings_.mesh[0];
  influence(y, z_block, values, static_cast<Real*>(nullptr));
  const ModeColumn c = column(y, z_block, lanes);
  for (int x = 0; x < points; ++x)
    for (int j = 0; j < lanes; ++j) {
      const int z = z_block * lanes + j;
      Real& value = values[x * lanes + j];
      if (c.factor[j] == 0.0 || x + y + z == 0) {  // padding, k = 0
        value = Real(0);
        continue;
      }
      // n_i n_l of the six pairs of axes; mixed ones vanish at Nyquist, see influence.h
      const double n[3] = {index_[0][x], index_[1][y], index_[2][z]};
      const double m[3] = {mixed_[0][x], mixed_[1][y], mixed_[2][z]};
      double product = 0.0;  // k_a k_b
      for (int i = 0; i < 3; ++i)
        for (int l = 0; l < 3; ++l)
          product += reciprocal_[i][a] * reciprocal_[l][b] * (i == l ? n[i] * n[i] : m[i] * m[l]);
      const double k2 = square_[x] + c.linear[j] * m[0] + c.constant[j];
      const double log_slope = settings_.kernel.log_slope(k2) + 1.0 / k2;
      value = static_cast<Real>(value * (2.0 * product * log_slope - (a == b ? 1.0 : 0.0)));
    }
}

template void ModeColumns::strain_influence(int, int, int, float*) const;
template void ModeColumns::strain_influence(int, int, int, double*) const;

template <class Real>
void Convolution<Real>::set_strain_influence(int component) {
#pragma omp parallel for schedule(static)
  for (int y = 0; y < grid_.points[1]; ++y)
    for (int z = 0; z < blocks_; ++z)
      columns_.strain_influence(y, z, component, influence_.data() + block(y, z));
}

template void Convolution<float>::set_strain_influence(int);
template void Convolution<double>::set_strain_influence(int);

}  // namespace hotpp::pme
