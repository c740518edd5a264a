// SPDX-License-Identifier: GPL-2.0-or-later
// Atoms in mesh units, sorted by the mesh row their stencil begins with.
//
// Sorting makes spread and gather walk through the mesh in order, and lets a thread find the atoms that touch
// its planes. Atoms of one row keep their order, so the result does not depend on the number of threads.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pme/cell.h"

namespace hotpp::pme {

template <class Real>
struct MeshAtom {
  int first[3];    ///< first mesh point of the stencil, wrapped into the mesh
  Real offset[3];  ///< t, see splines.h
  Real charge;
  Real dipole[3];  ///< mesh units: μ · inverse · diag(K)
};

template <class Real>
class SortedAtoms {
 public:
  SortedAtoms(const std::array<int, 3>& mesh, int order) : mesh_(mesh), order_(order) {}

  /// positions [n, 3] Å anywhere, charges [n] e, dipoles [n, 3] e·Å or null. Everything must be finite.
  void assign(const Cell& cell, std::int64_t n, const double* positions, const double* charges,
              const double* dipoles);

  std::int64_t size() const { return static_cast<std::int64_t>(atoms_.size()); }
  const MeshAtom<Real>& operator[](std::int64_t i) const { return atoms_[i]; }
  /// Index of sorted atom i in the caller's arrays.
  std::int64_t original(std::int64_t i) const { return original_[i]; }
  /// Sorted atoms [plane_begin(x), plane_begin(x + 1)) begin in plane x, 0 <= x <= K1.
  std::int64_t plane_begin(int x) const { return row_begin_[static_cast<std::size_t>(x) * mesh_[1]]; }

 private:
  std::array<int, 3> mesh_;
  int order_;
  std::vector<MeshAtom<Real>> unsorted_, atoms_;
  std::vector<std::int64_t> original_, slot_, row_begin_;
};

}  // namespace hotpp::pme
