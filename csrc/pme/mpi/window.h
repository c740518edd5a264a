// SPDX-License-Identifier: GPL-2.0-or-later
// The part of the mesh that the stencils of a rank's atoms touch, found anew at every step: any atoms will
// do.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pme/cell.h"
#include "pme/cpu/kernels.h"

namespace hotpp::pme {

/// Mesh points begin .. begin + size - 1 along each axis, modulo the mesh; 0 <= begin < points. No points
/// along all axes: no atoms. A box may be longer than the mesh by order - 1 points, which then occur twice.
struct Box {
  std::array<int, 3> begin{}, size{};
  bool empty() const { return size[0] == 0; }
};

/// Atoms sorted by where in the window their stencil begins: plane x, then tile along z, then row y, so that
/// the rows that one atom touches are still in the first cache for the next. Which mesh points an atom
/// touches and its weights do not depend on the window.
template <class Real>
class WindowAtoms {
 public:
  WindowAtoms(const std::array<int, 3>& mesh, int order) : mesh_(mesh), order_(order) {}

  /// positions [n, 3] Å anywhere, charges [n] e, dipoles [n, 3] e·Å or null; finite.
  void locate(const Cell&, std::int64_t n, const double* positions, const double* charges,
              const double* dipoles);
  const Box& box() const { return box_; }
  /// Bound of |contribution of an atom to a mesh point|, e.
  double largest() const { return largest_; }
  void sort();

  // After sort(), all in sorted order:
  std::int64_t size() const { return static_cast<std::int64_t>(original_.size()); }
  const MeshAtom<Real>* atoms() const { return atoms_.data(); }      ///< `first` counts from the window
  const Real* coefficients() const { return coefficients_.data(); }  ///< [n, 4]: charge, dipole in mesh units
  const std::int32_t* original() const { return original_.data(); }
  /// Sorted atoms [plane_begin(x), plane_begin(x + 1)) begin in plane x of the window.
  std::int64_t plane_begin(int x) const { return begin_[x * keys_per_plane()]; }

 private:
  static constexpr int tile = 32;  ///< points along z
  std::size_t keys_per_plane() const {
    return static_cast<std::size_t>((box_.size[2] + tile - 1) / tile) * box_.size[1];
  }

  std::array<int, 3> mesh_;
  int order_;
  Box box_;
  double largest_ = 0.0;
  std::vector<MeshAtom<Real>> located_, atoms_;
  std::vector<Real> unsorted_, coefficients_;
  std::vector<std::int32_t> original_, begin_;
  std::array<std::vector<char>, 3> occupied_;
};

/// The smallest arc that covers all marked points of a circle, for stencils of `order` points that begin
/// there.
void cover(const std::vector<char>& occupied, int order, int* begin, int* size);

}  // namespace hotpp::pme
