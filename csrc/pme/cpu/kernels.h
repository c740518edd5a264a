// SPDX-License-Identifier: GPL-2.0-or-later
// The two stencil kernels for a range of atoms, compiled once per instruction set and chosen when the program
// runs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pme/cpu/line_plan.h"
#include "pme/multipoles.h"
#include "pme/splines.h"

namespace hotpp::pme {

/// Where an atom's stencil lies. Plain data: the kernel files must not share inline functions, see simd.h.
template <class Real>
struct MeshAtom {
  int first[3];    ///< first mesh point of the stencil, wrapped into the mesh
  Real offset[3];  ///< t, see splines.h
};

/// A mesh in memory, as in grid.h.
template <class Real>
struct MeshView {
  Real* data;
  std::ptrdiff_t row, plane;
  int k1, k2;
};

/// Lines side by side at most, of any Real.
constexpr int column_lanes = 8;

/// What the modes of one block of lines along x have in common: mode (x, lane) has
///   k² = constant[lane] + linear[lane] mixed_index[x] + square[x],
///   G = factor_x[x] factor[lane] screening(k²) / k², where factor is 0 for k = 0 and for padding.
/// Sums over x that a block gives, per lane, with T = (-d ln phi/d(k²)) G |rho|²:
///   G |rho|², T, T mixed_index, T index².
struct ModeColumn {
  const double *index, *mixed_index, *square, *factor_x;  ///< [points]
  double constant[column_lanes], linear[column_lanes], factor[column_lanes];
  double half_variance;     ///< Gaussian kernel (chebyshev_terms = 0), Å²
  const double* chebyshev;  ///< prolate kernel, see pme/kernel.h
  int chebyshev_terms;
  double cutoff_squared;
};

template <class Real>
struct Kernels {
  /// Adds the atoms [begin, end) to the planes [x0, x1); atoms begin at plane first[0] + shift.
  /// coefficients [end, components(rank)].
  using Spread = void (*)(const MeshView<Real>&, const MeshAtom<Real>*, const Real* coefficients,
                          std::int64_t begin, std::int64_t end, int shift, int x0, int x1);
  /// Derivatives of the atoms [begin, end); derivatives [end - begin, components(rank)].
  using Gather = void (*)(const MeshView<const Real>&, const MeshAtom<Real>*, std::int64_t begin,
                          std::int64_t end, Real* derivatives);
  Spread spread[max_order + 1][max_rank + 1];  ///< [order][rank]; null where order < lowest_order(rank)
  Gather gather[max_order + 1][max_rank + 1];

  // Transforms, see kernels_transform.h and kernels_modes.h. memory: line_scratch(points) reals.
  void (*transform_lines)(const LinePlan<Real>&, Real* data, std::ptrdiff_t step, int count,
                          std::ptrdiff_t block, bool backward, Real* memory);
  void (*transform_rows_forward)(const LinePlan<Real>&, Real* plane, std::ptrdiff_t row, int rows,
                                 Real* memory);
  void (*transform_rows_backward)(const LinePlan<Real>&, Real* plane, std::ptrdiff_t row, int rows,
                                  Real* memory);
  void (*convolve_lines)(const LinePlan<Real>&, Real* data, std::ptrdiff_t step, const Real* influence,
                         const ModeColumn*, const Real* slope, double (*sums)[column_lanes], Real* memory);
  void (*influence_of_column)(int points, const ModeColumn&, Real* influence, Real* slope);
};

/// The kernels for this processor.
template <class Real>
const Kernels<Real>& kernels();

/// Name of the instruction set they use: "portable", "avx2" or "avx512".
const char* instruction_set();

}  // namespace hotpp::pme
