// SPDX-License-Identifier: GPL-2.0-or-later
// Influence function: kernel times deconvolution, and the sums over modes for energy and strain derivative.
//
//   phi(k) = screening(k²) / k²,   G(k) = (4 pi k_e / V) phi(k) D1(n1) D2(n2) D3(n3),   G(0) = 0
//   E = 1/2 sum_k G |rho(k)|²,   potential mesh = inverse transform of G rho(k)
//   dE/d(epsilon_ab) = sum_k k_a k_b (-d ln phi/d(k²)) G |rho(k)|² - delta_ab E   (at fixed rho)
#pragma once

#include <array>
#include <vector>

#include "pme/cell.h"
#include "pme/modes.h"
#include "pme/settings.h"

namespace hotpp::pme {

/// Sums over the modes of one slab in float64. `strain` holds xx, yy, zz, xy, xz, yz without the -delta_ab E
/// term.
struct ModeSums {
  double energy = 0.0;
  double strain[6] = {};
};

template <class Real>
class Influence {
 public:
  explicit Influence(const Settings&);
  void set_cell(const Cell&);

  /// Multiplies the slab of fixed y of a spectrum, interleaved complex; `plane` reals from one x to the next.
  ModeSums apply(int y, Real* slab, std::ptrdiff_t plane, bool want_strain) const;

  /// G of mode (x, y, z), V per e/Å^0.
  Real operator()(int x, int y, int z) const { return values_[index(x, y) + z]; }

 private:
  void add_strain(int x, int y, const Real* spectrum, double sums[6]) const;
  /// [y][x][z]: a slab is contiguous.
  std::size_t index(int x, int y) const { return (static_cast<std::size_t>(y) * mesh_[0] + x) * stored_; }

  std::array<int, 3> mesh_;
  int stored_;  // modes along z, K3/2 + 1
  Modes modes_;
  std::vector<Real> values_;
};

}  // namespace hotpp::pme
