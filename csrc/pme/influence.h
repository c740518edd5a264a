// SPDX-License-Identifier: GPL-2.0-or-later
// Influence function: kernel times deconvolution, and the sums over modes for energy and strain derivative.
//
//   phi(k) = screening(k²) / k²,   G(k) = (4 pi k_e / V) phi(k) D1(n1) D2(n2) D3(n3),   G(0) = 0
//   E = 1/2 sum_k G |rho(k)|²,   potential mesh = inverse transform of G rho(k)
//   dE/d(epsilon_ab) = sum_k k_a k_b (-d ln phi/d(k²)) G |rho(k)|² - delta_ab E   (at fixed rho)
//
// A Nyquist mode of an even mesh stands for +K/2 and -K/2. In a triclinic cell they have different k²; their
// mean keeps G(k) = G(-k) and every quantity differentiable in the cell: mixed products n_a n_b with a
// Nyquist index are zero in k² = sum_ab n_a n_b (b_a · b_b) and in k_a k_b.
#pragma once

#include <array>
#include <vector>

#include "pme/cell.h"
#include "pme/settings.h"

namespace hotpp::pme {

/// D(n) of one axis, n = 0 .. points-1 in FFT order.
std::vector<double> deconvolution_factors(int points, int order, Deconvolution);

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
  struct Mode {
    double product[6];  // n_a n_b: xx, yy, zz, xy, xz, yz; mixed ones zero at Nyquist
  };
  Mode mode(int x, int y, int z) const;
  double squared(const Mode&) const;
  void add_strain(int x, int y, const Real* spectrum, double sums[6]) const;
  /// [y][x][z]: a slab is contiguous.
  std::size_t index(int x, int y) const {
    return (static_cast<std::size_t>(y) * settings_.mesh[0] + x) * modes_;
  }

  Settings settings_;
  int modes_;  // stored modes along z, K3/2 + 1
  std::array<std::vector<double>, 3> deconvolution_;
  std::array<std::array<double, 3>, 3> reciprocal_{};  // b_i, 1/Å, 2 pi included
  std::array<double, 6> metric_{};                     // b_a · b_b: xx, yy, zz, 2 xy, 2 xz, 2 yz
  std::vector<Real> values_;
};

}  // namespace hotpp::pme
