// SPDX-License-Identifier: GPL-2.0-or-later
// The modes of a mesh one by one: wave vectors, deconvolution, influence function and its derivative in the
// cell.
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

/// n_a n_b: xx, yy, zz, xy, xz, yz; mixed ones zero at Nyquist.
struct ModeProducts {
  double product[6];
};

/// Signed index along one axis, and the same with zero at Nyquist.
struct SignedMode {
  double n, mixed;
};
inline SignedMode signed_mode(int index, int points) {
  const double n = 2 * index <= points ? index : index - points;
  return {n, 2 * index == points ? 0.0 : n};
}

/// How often a stored mode of the last axis occurs in the full sum.
inline double multiplicity(int z, int points) { return z == 0 || 2 * z == points ? 1.0 : 2.0; }

class Modes {
 public:
  explicit Modes(const Settings&);
  void set_cell(const Cell&);

  ModeProducts products(int x, int y, int z) const;
  double squared(const ModeProducts&) const;  ///< k², 1/Å²

  /// G of mode (x, y, z), V per e.
  double influence(int x, int y, int z) const {
    if (x + y + z == 0) return 0.0;
    const double k2 = squared(products(x, y, z));
    return prefactor_ * deconvolution_[0][x] * deconvolution_[1][y] * deconvolution_[2][z] *
           settings_.kernel.screening(k2) / k2;
  }
  /// -d ln phi/d(k²), Å².
  double log_slope(double k2) const { return settings_.kernel.log_slope(k2) + 1.0 / k2; }
  /// b_a · b_b, 1/Å²: xx, yy, zz, 2 xy, 2 xz, 2 yz.
  const std::array<double, 6>& metric() const { return metric_; }

  /// Adds to Cartesian strain (xx, yy, zz, xy, xz, yz) sums of a weight times n_a n_b.
  void add_strain(const double moments[6], double strain[6]) const;

 private:
  Settings settings_;
  std::array<std::vector<double>, 3> deconvolution_;
  std::array<std::array<double, 3>, 3> reciprocal_{};  // b_i, 1/Å, 2 pi included
  std::array<double, 6> metric_{};
  double prefactor_ = 0.0;  // 4 pi k_e / V
};

}  // namespace hotpp::pme
