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
#include "pme/cpu/mode_columns.h"
#include "pme/influence.h"
#include "pme/settings.h"

namespace hotpp::pme {

template <class Real>
class Convolution {
 public:
  Convolution(const Settings&, const Grid<Real>&);
  void set_cell(const Cell&);
  /// Until the next set_cell the potential mesh is its own strain derivative, see ModeColumns.
  void set_strain_influence(int component);

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

  /// [y][block of z][x][lane]
  std::size_t block(int y, int z_block) const {
    return (static_cast<std::size_t>(y) * blocks_ + z_block) * grid_.points[0] * lanes;
  }

  Grid<Real> grid_;
  int blocks_;  // of modes along z
  LineTransform<Real> x_, y_, z_;
  ModeColumns columns_;
  std::vector<Real> influence_, slope_;  // slope: -d ln phi/d(k²), only for kernels where it is not simple
};

}  // namespace hotpp::pme
