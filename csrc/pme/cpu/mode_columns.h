// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernels need to know of a block of lines along x (ModeColumn), and what their sums mean.
#pragma once

#include <array>
#include <vector>

#include "pme/cell.h"
#include "pme/cpu/kernels.h"
#include "pme/influence.h"
#include "pme/settings.h"

namespace hotpp::pme {

/// Sums over the modes of a line: energy, and n_a n_b (-d ln phi/d(k²)) G |rho|², mirror images included.
struct LineSums {
  double energy;
  double moments[6];  ///< xx, yy, zz, xy, xz, yz
};

class ModeColumns {
 public:
  explicit ModeColumns(const Settings&);
  void set_cell(const Cell&);

  /// Modes (all x, y, z_block · lanes + 0 .. lanes-1).
  ModeColumn column(int y, int z_block, int lanes) const;
  /// Influence function [x][lane] of the same modes; slope (or null) as in kernels_modes.h.
  template <class Real>
  void influence(int y, int z_block, Real* values, Real* slope) const;
  /// The same for the strain derivative of the potential at fixed charge mesh: dG/d(epsilon_ab) for component
  /// 0..5 = xx, yy, zz, xy, xz, yz.
  template <class Real>
  void strain_influence(int y, int z_block, int component, Real* values) const;
  /// From the sums of a block, see ModeColumn, to those of its line (y, z).
  LineSums line_sums(int y, int z, const double (*sums)[column_lanes], int lane) const;
  /// Adds to Cartesian strain (xx, yy, zz, xy, xz, yz) what moments summed over lines stand for.
  void add_strain(const double moments[6], double strain[6]) const;
  int modes() const { return settings_.mesh[2] / 2 + 1; }

 private:
  Settings settings_;
  // per axis: index n (negative above K/2), index in mixed products (0 at Nyquist), deconvolution
  std::array<std::vector<double>, 3> index_, mixed_, deconvolution_;
  std::vector<double> square_, factor_x_;  // of mode x: b_x² n², prefactor times deconvolution
  std::array<std::array<double, 3>, 3> reciprocal_{};
  double metric_[3][3] = {};
};

}  // namespace hotpp::pme
