// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/sorted_atoms.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "pme/cpu/grid.h"
#include "pme/cpu/threads.h"

namespace hotpp::pme {
namespace {

/// Points of a tile along z: the rows that the atoms of a tile touch, order² of them, stay in the L1 cache.
constexpr int tile = 32;

}  // namespace

template <class Real>
SortedAtoms<Real>::SortedAtoms(const std::array<int, 3>& mesh, int order)
    : mesh_(mesh), order_(order), keys_((mesh[2] + tile - 1) / tile * mesh[1]), plane_begin_(mesh[0] + 1) {}

template <class Real>
void SortedAtoms<Real>::resize(std::int64_t n, int threads) {
  if (n > std::numeric_limits<std::int32_t>::max())
    throw std::invalid_argument("The mesh got " + std::to_string(n) + " atoms: at most " +
                                std::to_string(std::numeric_limits<std::int32_t>::max()) +
                                " in one process.");
  unsorted_.resize(n);
  atoms_.resize(n);
  entries_.resize(n);
  original_.resize(n);
  const int line = cache_line / sizeof(std::int32_t);  // threads count on lines of their own
  stride_ = (std::max(mesh_[0], keys_) + line) / line * line + line;
  count_.resize(stride_ * threads);
}

template <class Real>
void SortedAtoms<Real>::assign(const Cell& cell, std::int64_t n, const double* positions) {
  resize(n, max_threads());
#pragma omp parallel
  assign_in_team(&cell, positions);
}

template <class Real>
void SortedAtoms<Real>::assign(std::int64_t n, const double* coordinates) {
  resize(n, max_threads());
#pragma omp parallel
  assign_in_team(nullptr, coordinates);
}

template <class Real>
void SortedAtoms<Real>::locate_atoms(const Cell* cell, const double* positions, std::int64_t begin,
                                     std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    const double* const r = positions + 3 * i;
    MeshAtom<Real>& atom = unsorted_[i];
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
void SortedAtoms<Real>::assign_in_team(const Cell* cell, const double* positions) {
  const std::int64_t n = size();
  const int threads = team_size(), thread = team_rank(), planes = mesh_[0];
  const std::int64_t begin = n * thread / threads, end = n * (thread + 1) / threads;
  std::int32_t* const count = count_.data() + stride_ * thread;
  std::fill(count, count + planes, 0);
  locate_atoms(cell, positions, begin, end);
  for (std::int64_t i = begin; i < end; ++i) ++count[unsorted_[i].first[0]];
#pragma omp barrier
#pragma omp single
  {  // counts become places: by plane, then by thread, which is the order of the atoms
    std::int32_t place = 0;
    for (int x = 0; x < planes; ++x) {
      plane_begin_[x] = place;
      for (int t = 0; t < threads; ++t) {
        const std::int32_t atoms = count_[stride_ * t + x];
        count_[stride_ * t + x] = place;
        place += atoms;
      }
    }
    plane_begin_[planes] = place;
  }
  for (std::int64_t i = begin; i < end; ++i) {
    const int* const first = unsorted_[i].first;
    entries_[count[first[0]]++] = {static_cast<std::uint32_t>(first[2] / tile * mesh_[1] + first[1]),
                                   static_cast<std::int32_t>(i)};
  }
#pragma omp barrier
#pragma omp for schedule(dynamic, 4)
  for (int x = 0; x < planes; ++x) sort_plane(x, count);
}

template <class Real>
void SortedAtoms<Real>::sort_plane(int x, std::int32_t* count) {
  const std::int32_t begin = plane_begin_[x], end = plane_begin_[x + 1];
  std::fill(count, count + keys_ + 1, 0);
  for (std::int32_t e = begin; e < end; ++e) ++count[entries_[e].key + 1];
  for (int key = 0; key < keys_; ++key) count[key + 1] += count[key];
  for (std::int32_t e = begin; e < end; ++e) {
    const std::int32_t to = begin + count[entries_[e].key]++, atom = entries_[e].atom;
    atoms_[to] = unsorted_[atom];
    original_[to] = atom;
  }
}

template <class Real>
std::size_t SortedAtoms<Real>::memory() const {
  return (unsorted_.capacity() + atoms_.capacity()) * sizeof(MeshAtom<Real>) +
         entries_.capacity() * sizeof(Entry) +
         (original_.capacity() + count_.capacity() + plane_begin_.capacity()) * sizeof(std::int32_t);
}

template class SortedAtoms<float>;
template class SortedAtoms<double>;

}  // namespace hotpp::pme
