// SPDX-License-Identifier: GPL-2.0-or-later
//
// The influence function without its prefactor, A(k²) = screening(k²)/k² D1 D2 D3 (0 at k = 0), and its
// derivatives in k², for every stored mode of one cell.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "pme/cpu/line_plan.h"
#include "pme/settings.h"

namespace hotpp::ops {

// What the influence function depends on besides mesh and cell.
struct ModeSettings {
  int order;
  pme::Deconvolution deconvolution;
  pme::Kernel kernel;
};

// Names as in Python; ValueError for others.
ModeSettings mode_settings(std::int64_t order, std::string_view deconvolution, std::string_view kernel,
                           double smearing);

// Integer modes of one axis in FFT order. A Nyquist mode stands for +K/2 and -K/2: the mean of k² over both
// signs has no mixed terms, so `mixed`, which enters the products of two axes, is 0 there.
struct AxisModes {
  std::vector<double> square, mixed, occurrences;  // occurrences: in the full sum, for the halved last axis

  // The first `stored` modes; what goes beyond the last mode is padding, zero.
  AxisModes(int points, int stored, bool halved);
};

// Rows of modes along z are padded to whole blocks of fft_lanes, as the transforms work on them: in a
// spectrum a block is its real parts followed by its imaginary parts.
template <class Real>
constexpr int padded_modes(int points) {
  constexpr int lanes = pme::fft_lanes<Real>;
  return (points / 2 + 1 + lanes - 1) / lanes * lanes;
}

// The axes of one mesh.
struct Modes {
  AxisModes x, y, z;
  Modes(const std::array<int, 3>& mesh, int stored)
      : x(mesh[0], mesh[0], false), y(mesh[1], mesh[1], false), z(mesh[2], stored, true) {}
  int stored() const { return static_cast<int>(z.square.size()); }
};

// [y][x][z], padded along z: the modes of fixed y are contiguous, as the transforms work on them.
template <class Real>
struct ModeTable {
  Modes modes;
  std::vector<Real> value, slope, curvature;  // the latter two are empty unless asked for
};

// metric [3][3]: b_i · b_j in 1/Å², so that k² = sum_ij n_i n_j metric_ij. derivatives: 0, 1 or 2.
// Tables of cells that come back (another epoch, fixed-cell dynamics) are remembered.
template <class Real>
std::shared_ptr<const ModeTable<Real>> mode_table(const ModeSettings& settings,
                                                  const std::array<int, 3>& mesh, const double* metric,
                                                  int derivatives);

}  // namespace hotpp::ops
