// SPDX-License-Identifier: GPL-2.0-or-later
// What a caller chooses (Settings) and what it gets back (Output).
#pragma once

#include <array>

#include "pme/kernel.h"

namespace hotpp::pme {

/// How the smearing by the assignment weights is divided out, per axis (W(k) = sinc(k h/2)^order):
/// None: not at all; Plain: 1/W(k)²; Alias: 1/sum_m W(k + 2 pi m/h)², never zero.
enum class Deconvolution { None, Plain, Alias };

/// Slab: open along z (slab.h). Clusters have no cell and no given mesh: cluster.h.
enum class Boundary { Periodic, Slab };

struct Settings {
  int order;                ///< assignment order: mesh points per axis that an atom touches, 3..8
  std::array<int, 3> mesh;  ///< mesh points along a, b, c
  Kernel kernel;            ///< a smearing alone, in Å, means the Gaussian
  Deconvolution deconvolution = Deconvolution::Alias;
  bool subtract_self = true;
  Boundary boundary = Boundary::Periodic;
};

/// Results for n atoms. Arrays belong to the caller; a null pointer means "not wanted".
struct Output {
  double energy = 0.0;          ///< eV
  double* potential = nullptr;  ///< [n]     dE/dq_i, V
  double* field = nullptr;      ///< [n, 3] -dE/dμ_i, V/Å
  double* forces = nullptr;     ///< [n, 3] -dE/dr_i at fixed q and μ, eV/Å; net force not removed
  /// [a][b]: dE/d(epsilon_ab) in eV at fixed Cartesian q, μ, with r' = (1 + epsilon) r and cell rows
  /// likewise.
  double strain_derivative[9] = {};
  bool want_strain = false;
  /// [n, 6] xx yy zz xy xz yz, eV: the symmetric part of the strain derivative, atom by atom (atom_strain.h).
  /// Costs as much as nine evaluations, fifteen with dipoles.
  double* atom_strain = nullptr;
};

}  // namespace hotpp::pme
