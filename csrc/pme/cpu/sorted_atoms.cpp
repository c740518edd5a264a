// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/sorted_atoms.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "pme/cpu/grid.h"
#include "pme/cpu/ownership.h"
#include "pme/cpu/threads.h"

namespace hotpp::pme {
namespace {

/// Points of a tile along z: the rows that the atoms of a tile touch, order² of them, stay in the L1 cache.
constexpr int tile = 32;

}  // namespace

template <class Real>
SortedAtoms<Real>::SortedAtoms(const std::array<int, 3>& mesh, int order)
    : mesh_(mesh), order_(order), keys_((mesh[2] + tile - 1) / tile * mesh[1]), plane_begin_(mesh[0] + 1) {
  const int line = cache_line / sizeof(std::int32_t);  // threads count on lines of their own
  const auto with_gap = [&](int numbers) { return (numbers + line) / line * line + line; };
  by_key_ = with_gap(mesh[0] + 2);
  stride_ = by_key_ + with_gap(keys_ + 1);
}

template <class Real>
void SortedAtoms<Real>::resize(std::int64_t n, int parts) {
  if (n > std::numeric_limits<std::int32_t>::max())
    throw std::invalid_argument("The mesh got " + std::to_string(n) + " atoms: at most " +
                                std::to_string(std::numeric_limits<std::int32_t>::max()) +
                                " in one process.");
  parts_ = parts;
  located_.resize(n);
  atoms_.resize(n);
  original_.resize(n);
  count_.resize(stride_ * parts);
}

template <class Real>
void SortedAtoms<Real>::assign(const Cell& cell, std::int64_t n, const double* positions) {
  assign(&cell, n, positions);
}

template <class Real>
void SortedAtoms<Real>::assign(std::int64_t n, const double* coordinates) {
  assign(nullptr, n, coordinates);
}

template <class Real>
void SortedAtoms<Real>::assign(const Cell* cell, std::int64_t n, const double* positions) {
  const int parts = max_threads();
  resize(n, parts);
#pragma omp parallel
  {
#pragma omp for schedule(static)
    for (int part = 0; part < parts; ++part) locate_part(cell, positions, part);
#pragma omp for schedule(static)
    for (int part = 0; part < parts; ++part) sort_part(part, [](std::int64_t, std::int64_t) {});
  }
}

template <class Real>
void SortedAtoms<Real>::locate_atoms(const Cell* cell, const double* positions, std::int64_t begin,
                                     std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    const double* const r = positions + 3 * i;
    MeshAtom<Real>& atom = atoms_[i];
    for (int d = 0; d < 3; ++d) {
      const double points = mesh_[d];
      const double s =
          cell ? r[0] * cell->inverse[d] + r[1] * cell->inverse[3 + d] + r[2] * cell->inverse[6 + d]
               : r[d] / points;
      double u = cell ? (s - std::floor(s)) * points : r[d] - std::floor(s) * points;
      if (!(u >= 0.0 && u < points)) u = 0.0;  // s = -1e-17 rounds to a whole cell
      locate(u, order_, &atom.first[d], &atom.offset[d]);
      if (atom.first[d] < 0) atom.first[d] += mesh_[d];
    }
  }
}

template <class Real>
void SortedAtoms<Real>::locate_part(const Cell* cell, const double* positions, int part) {
  const std::int64_t begin = part_begin(part), end = part_begin(part + 1);
  std::int32_t* const place = places(part);
  locate_atoms(cell, positions, begin, end);
  // Counting sort by plane. place[x + 1] becomes the place of the next atom of plane x, in the end that of
  // the first one of plane x + 1.
  std::fill(place, place + mesh_[0] + 2, 0);
  for (std::int64_t i = begin; i < end; ++i) ++place[atoms_[i].first[0] + 2];
  place[0] = place[1] = static_cast<std::int32_t>(begin);
  for (int x = 2; x <= mesh_[0]; ++x) place[x] += place[x - 1];
  for (std::int64_t i = begin; i < end; ++i) {
    const MeshAtom<Real>& atom = atoms_[i];
    located_[place[atom.first[0] + 1]++] = {
        atom, static_cast<std::uint32_t>(atom.first[2] / tile * mesh_[1] + atom.first[1]),
        static_cast<std::int32_t>(i)};
  }
}

template <class Real>
void SortedAtoms<Real>::sort_plane(int x, int part) {
  const std::int32_t begin = static_cast<std::int32_t>(ByPlane{this}.plane_begin(x));
  plane_begin_[x] = begin;
  std::int32_t* const count = places(part) + by_key_;
  std::fill(count, count + keys_ + 1, 0);
  for (int p = 0; p < parts_; ++p)
    if (p != part) take_over(located_.data() + places(p)[x], places(p)[x + 1] - places(p)[x]);
  // part by part, which is the order of the atoms
  for (int p = 0; p < parts_; ++p)
    for (std::int32_t i = places(p)[x]; i < places(p)[x + 1]; ++i) ++count[located_[i].key + 1];
  for (int key = 0; key < keys_; ++key) count[key + 1] += count[key];
  for (int p = 0; p < parts_; ++p)
    for (std::int32_t i = places(p)[x]; i < places(p)[x + 1]; ++i) {
      const std::int32_t to = begin + count[located_[i].key]++;
      atoms_[to] = located_[i].atom;
      original_[to] = located_[i].original;
    }
}

template <class Real>
std::size_t SortedAtoms<Real>::memory() const {
  return atoms_.capacity() * sizeof(MeshAtom<Real>) + located_.capacity() * sizeof(Located) +
         (original_.capacity() + count_.capacity() + plane_begin_.capacity()) * sizeof(std::int32_t);
}

template class SortedAtoms<float>;
template class SortedAtoms<double>;

}  // namespace hotpp::pme
