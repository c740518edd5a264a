// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/window.h"

#include <algorithm>
#include <cmath>

#include "pme/splines.h"

namespace hotpp::pme {

void cover(const std::vector<char>& occupied, int order, int* begin, int* size) {
  const int points = static_cast<int>(occupied.size());
  int gap = 0, gap_end = 0, run = 0;
  for (int k = 0; k < 2 * points; ++k) {  // twice around, for the gap across the end
    run = occupied[k % points] ? 0 : run + 1;
    if (run >= points) {  // nothing marked
      *begin = *size = 0;
      return;
    }
    if (run > gap) {
      gap = run;
      gap_end = (k + 1) % points;
    }
  }
  *begin = gap_end;
  *size = points - gap + order - 1;
}

template <class Real>
void WindowAtoms<Real>::locate(const Cell& cell, std::int64_t n, const double* positions,
                               const double* charges, const double* dipoles) {
  located_.resize(n);
  unsorted_.resize(4 * n);
  for (int d = 0; d < 3; ++d) occupied_[d].assign(mesh_[d], 0);
  double largest = 0.0;
#pragma omp parallel for schedule(static) reduction(max : largest)
  for (std::int64_t i = 0; i < n; ++i) {
    const double* const r = positions + 3 * i;
    const double* const mu = dipoles ? dipoles + 3 * i : nullptr;
    Real* const c = &unsorted_[4 * i];
    double bound = std::abs(charges[i]);
    c[0] = static_cast<Real>(charges[i]);
    for (int d = 0; d < 3; ++d) {
      const double *const m = &cell.inverse[d], s = r[0] * m[0] + r[1] * m[3] + r[2] * m[6];
      double u = (s - std::floor(s)) * mesh_[d];
      if (!(u < mesh_[d])) u = 0.0;  // s = -1e-17 rounds to a whole cell
      int first;
      hotpp::pme::locate(u, order_, &first, &located_[i].offset[d]);
      located_[i].first[d] = first < 0 ? first + mesh_[d] : first;
      const double mesh_dipole = mu ? mesh_[d] * (mu[0] * m[0] + mu[1] * m[3] + mu[2] * m[6]) : 0.0;
      bound += std::abs(mesh_dipole);  // weights and their first derivatives are at most 1
      c[1 + d] = static_cast<Real>(mesh_dipole);
    }
    largest = std::max(largest, bound);
  }
  largest_ = largest;
  for (std::int64_t i = 0; i < n; ++i)
    for (int d = 0; d < 3; ++d) occupied_[d][located_[i].first[d]] = 1;
  for (int d = 0; d < 3; ++d) cover(occupied_[d], order_, &box_.begin[d], &box_.size[d]);
}

template <class Real>
void WindowAtoms<Real>::sort() {
  const auto n = static_cast<std::int64_t>(located_.size());
  atoms_.resize(n);
  coefficients_.resize(4 * n);
  original_.resize(n);
  const std::size_t keys = box_.size[0] * keys_per_plane();
  begin_.assign(keys + 2, 0);
  auto key_of = [&](const MeshAtom<Real>& atom) {
    return atom.first[0] * keys_per_plane() + static_cast<std::size_t>(atom.first[2] / tile) * box_.size[1] +
           atom.first[1];
  };
  for (MeshAtom<Real>& atom : located_) {
    for (int d = 0; d < 3; ++d) {
      atom.first[d] -= box_.begin[d];
      if (atom.first[d] < 0) atom.first[d] += mesh_[d];
    }
    ++begin_[key_of(atom) + 2];
  }
  for (std::size_t key = 2; key < begin_.size(); ++key) begin_[key] += begin_[key - 1];
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t to =
        begin_[key_of(located_[i]) + 1]++;  // afterwards the begin of each key is in place
    atoms_[to] = located_[i];
    std::copy_n(&unsorted_[4 * i], 4, &coefficients_[4 * static_cast<std::size_t>(to)]);
    original_[to] = static_cast<std::int32_t>(i);
  }
}

template class WindowAtoms<float>;
template class WindowAtoms<double>;

}  // namespace hotpp::pme
