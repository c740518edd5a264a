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
#include "pme/cpu/threads.h"

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
  MeshAtom<Real>* data() { return atoms_.data(); }
  const MeshAtom<Real>& operator[](std::int64_t i) const { return atoms_[i]; }
  /// Index of sorted atom i in the caller's arrays.
  std::int64_t original(std::int64_t i) const { return original_[i]; }
  const std::int32_t* original() const { return original_.data(); }
  /// Sorted atoms [plane_begin(x), plane_begin(x + 1)) begin in plane x, 0 <= x <= K1.
  std::int64_t plane_begin(int x) const { return plane_begin_[x]; }

  // The steps of assign, for callers with a parallel region of their own (or none). A thread does one part.
  void resize(std::int64_t n, int parts);
  std::int64_t part_begin(int part) const { return size() * part / parts_; }
  /// Mesh coordinates of the atoms [part_begin(part), part_begin(part + 1)). cell null: positions are mesh
  /// coordinates. When all parts are done:
  void locate_part(const Cell* cell, const double* positions, int part);
  /// sorted(begin, end) is called with ranges of sorted atoms, which together are all those of the part.
  template <class Sorted>
  void sort_part(int part, Sorted&& sorted) {
    const ByPlane planes{this};
    const int x1 = balanced_plane(planes, mesh_[0], 0.0, part + 1, parts_);
    for (int x = balanced_plane(planes, mesh_[0], 0.0, part, parts_); x < x1; ++x) {
      sort_plane(x, part);
      sorted(plane_begin_[x], planes.plane_begin(x + 1));
    }
    if (part == parts_ - 1) plane_begin_[mesh_[0]] = static_cast<std::int32_t>(size());
  }

  /// Bytes held at present.
  std::size_t memory() const;

 private:
  /// Atoms of a part in the order of planes, so that the thread that sorts a plane reads them in a row.
  struct Located {
    MeshAtom<Real> atom;
    std::uint32_t key;  ///< tile along z and row y
    std::int32_t original;
  };
  /// Where planes begin before plane_begin_ is known.
  struct ByPlane {
    const SortedAtoms* atoms;
    std::int64_t size() const { return atoms->size(); }
    std::int64_t plane_begin(int x) const {
      std::int64_t before = 0;
      for (int part = 0; part < atoms->parts_; ++part)
        before += atoms->places(part)[x] - atoms->part_begin(part);
      return before;
    }
  };

  void assign(const Cell* cell, std::int64_t n, const double* positions);
  void locate_atoms(const Cell* cell, const double* positions, std::int64_t begin, std::int64_t end);
  void sort_plane(int x, int part);
  /// [x]: where the atoms of plane x begin in located_, of one part; mesh[0] + 1 numbers.
  const std::int32_t* places(int part) const { return count_.data() + stride_ * part; }
  std::int32_t* places(int part) { return count_.data() + stride_ * part; }

  std::array<int, 3> mesh_;
  int order_, keys_, parts_ = 1;
  std::ptrdiff_t by_key_, stride_;     ///< of count_: numbers of atoms by key, behind the places; next part
  std::vector<MeshAtom<Real>> atoms_;  ///< not yet sorted between locate_part and sort_part
  std::vector<Located> located_;
  std::vector<std::int32_t> original_, count_;
  std::vector<std::int32_t> plane_begin_;
};

}  // namespace hotpp::pme
