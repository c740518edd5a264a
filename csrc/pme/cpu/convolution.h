// SPDX-License-Identifier: GPL-2.0-or-later
// Charge mesh to potential mesh in place: real-to-complex transform, influence function, transform back.
//
// Three steps, each of independent parts that any thread may take: planes (z, then y), slabs of fixed y (x,
// the multiplication, x back), planes again. Between them the row (x, y) holds its modes in blocks of
// `fft_lanes`: real parts, then imaginary parts. The influence function lies in the order in which the slabs
// read it.
#pragma once

#include <array>
#include <vector>

#include "pme/cell.h"
#include "pme/cpu/grid.h"
#include "pme/cpu/kernels.h"
#include "pme/cpu/line_transform.h"
#include "pme/influence.h"
#include "pme/settings.h"

namespace hotpp::pme {

template <class Real>
class Convolution {
 public:
  Convolution(const Settings&, const Grid<Real>&);
  void set_cell(const Cell&);

  // Each part is done by one thread with scratch memory of its own, scratch_size() reals.
  void plane_forward(Real* mesh, int x, Real* scratch) const;
  /// Sums over the modes of the slab, only if wanted.
  ModeSums slab(Real* mesh, int y, bool want_sums, Real* scratch) const;
  void plane_backward(Real* mesh, int x, Real* scratch) const;
  std::size_t scratch_size() const;

  /// G of mode (x, y, z), z <= K3/2.
  Real influence(int x, int y, int z) const {
    return influence_[block(y, z / lanes) + static_cast<std::size_t>(x) * lanes + z % lanes];
  }
  /// Bytes of the tables.
  std::size_t memory() const { return (influence_.size() + slope_.size()) * sizeof(Real); }

 private:
  static constexpr int lanes = fft_lanes<Real>;

  ModeColumn column(int y, int z_block) const;
  void truncate();
  /// [y][block of z][x][lane]
  std::size_t block(int y, int z_block) const {
    return (static_cast<std::size_t>(y) * blocks_ + z_block) * grid_.points[0] * lanes;
  }

  Settings settings_;
  Grid<Real> grid_;
  int blocks_;  // of modes along z
  LineTransform<Real> x_, y_, z_;
  // per axis: index n (negative above K/2), index in mixed products (0 at Nyquist), deconvolution
  std::array<std::vector<double>, 3> index_, mixed_, deconvolution_;
  std::vector<double> square_, factor_x_;  // of mode x: b_x² n², prefactor times deconvolution
  std::array<std::array<double, 3>, 3> reciprocal_{};
  double metric_[3][3] = {};
  std::vector<Real> influence_, slope_;  // slope: -d ln phi/d(k²), only for kernels where it is not simple
};

}  // namespace hotpp::pme
