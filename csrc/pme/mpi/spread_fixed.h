// SPDX-License-Identifier: GPL-2.0-or-later
// Charges and dipoles to a window of the mesh in fixed point: whole numbers, whose sums are the same in any
// order and so for any number of threads, of ranks, and any sharing out of the atoms.
//
// A float mesh is summed in int32 and a double mesh in int64, in units of 2^-bits of the power of two above
// the largest contribution that one atom can make; the rest of the word is room for atoms on the same mesh
// point. Overflow is found, never wrapped silently.
#pragma once

#include <cstdint>

#include "pme/cpu/grid.h"
#include "pme/mpi/window.h"

namespace hotpp::pme {

template <class Real>
struct FixedPoint;
template <>
struct FixedPoint<float> {
  using Int = std::int32_t;
  using Unsigned = std::uint32_t;
  static constexpr int bits = 27;
};
template <>
struct FixedPoint<double> {
  using Int = std::int64_t;
  using Unsigned = std::uint64_t;
  static constexpr int bits = 50;  // 51 are the most that can be rounded without a conversion instruction
};
template <class Real>
using FixedInt = typename FixedPoint<Real>::Int;

/// *sum += value; the sign bit of the result says whether the sum did not fit.
template <class Real>
inline FixedInt<Real> add_checked(FixedInt<Real>* sum, FixedInt<Real> value) {
  using Unsigned = typename FixedPoint<Real>::Unsigned;
  const auto before = static_cast<Unsigned>(*sum), add = static_cast<Unsigned>(value), after = before + add;
  *sum = static_cast<FixedInt<Real>>(after);
  return static_cast<FixedInt<Real>>((before ^ after) & (add ^ after));
}

/// Exponent e of the unit 2^-e for atoms whose contributions are at most `largest`.
template <class Real>
int fixed_point_exponent(double largest);

/// Overwrites the mesh of the window, rows padding included. False if a sum did not fit.
template <class Real>
bool spread_fixed(const Grid<Real>& window, const WindowAtoms<Real>&, bool dipoles, int exponent,
                  FixedInt<Real>* mesh);

/// Where a window is longer than the mesh: adds the points that occur a second time to the first ones.
template <class Real>
bool fold(const Grid<Real>& window, const std::array<int, 3>& mesh, FixedInt<Real>* values);
/// The reverse for potentials: copies the first ones, and clears the padding of the rows.
template <class Real>
void unfold(const Grid<Real>& window, const std::array<int, 3>& mesh, Real* values);

}  // namespace hotpp::pme
