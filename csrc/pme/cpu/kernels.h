// SPDX-License-Identifier: GPL-2.0-or-later
// The two stencil kernels for a range of atoms, compiled once per instruction set and chosen when the program
// runs.
#pragma once

#include <cstddef>
#include <cstdint>

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
};

/// The kernels for this processor.
template <class Real>
const Kernels<Real>& kernels();

/// Name of the instruction set they use: "portable", "avx2" or "avx512".
const char* instruction_set();

}  // namespace hotpp::pme
