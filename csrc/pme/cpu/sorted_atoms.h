// SPDX-License-Identifier: GPL-2.0-or-later
// Atoms in mesh units, sorted by where their stencil begins: plane x, then tile along z, then row y.
//
// Sorting makes spread and gather walk through the mesh in order, and lets a thread find the atoms that touch
// its planes. The sort is stable, so its result does not depend on the number of threads.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pme/cell.h"
#include "pme/cpu/kernels.h"

namespace hotpp::pme {

template <class Real>
class SortedAtoms {
 public:
  SortedAtoms(const std::array<int, 3>& mesh, int order);

  /// positions [n, 3] Å anywhere; finite.
  void assign(const Cell& cell, std::int64_t n, const double* positions);
  /// coordinates [n, 3] in mesh units (mesh spacings along a, b, c), anywhere; finite.
  void assign(std::int64_t n, const double* coordinates);

  std::int64_t size() const { return static_cast<std::int64_t>(atoms_.size()); }
  const MeshAtom<Real>* data() const { return atoms_.data(); }
  const MeshAtom<Real>& operator[](std::int64_t i) const { return atoms_[i]; }
  /// Index of sorted atom i in the caller's arrays.
  std::int64_t original(std::int64_t i) const { return original_[i]; }
  const std::int32_t* original() const { return original_.data(); }
  /// Sorted atoms [plane_begin(x), plane_begin(x + 1)) begin in plane x, 0 <= x <= K1.
  std::int64_t plane_begin(int x) const { return plane_begin_[x]; }

  // The two steps of assign, for callers with a parallel region of their own (or none).
  void resize(std::int64_t n, int threads);
  /// To be called by every thread of a team; ends with a barrier. cell null: positions are mesh coordinates.
  void assign_in_team(const Cell* cell, const double* positions);

  /// Bytes held at present.
  std::size_t memory() const;

 private:
  struct Entry {
    std::uint32_t key;  ///< tile along z and row y
    std::int32_t atom;
  };

  void locate_atoms(const Cell* cell, const double* positions, std::int64_t begin, std::int64_t end);
  void sort_plane(int x, std::int32_t* count);

  std::array<int, 3> mesh_;
  int order_, keys_;
  std::ptrdiff_t stride_ = 0;  ///< of count_, per thread
  std::vector<MeshAtom<Real>> unsorted_, atoms_;
  std::vector<Entry> entries_;  ///< in the order of planes
  std::vector<std::int32_t> original_, count_;
  std::vector<std::int32_t> plane_begin_;
};

}  // namespace hotpp::pme
