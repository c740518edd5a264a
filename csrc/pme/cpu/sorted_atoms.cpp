// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/sorted_atoms.h"

#include <cmath>

#include "pme/splines.h"

namespace hotpp::pme {

template <class Real>
void SortedAtoms<Real>::assign(const Cell& cell, std::int64_t n, const double* positions,
                               const double* charges, const double* dipoles) {
  unsorted_.resize(n);
  atoms_.resize(n);
  original_.resize(n);
  slot_.resize(n);
  const std::size_t rows = static_cast<std::size_t>(mesh_[0]) * mesh_[1];
  row_begin_.assign(rows + 1, 0);

#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < n; ++i) {
    MeshAtom<Real>& atom = unsorted_[i];
    const double* r = positions + 3 * i;
    atom.charge = static_cast<Real>(charges[i]);
    for (int d = 0; d < 3; ++d) {
      const double s = r[0] * cell.inverse[d] + r[1] * cell.inverse[3 + d] + r[2] * cell.inverse[6 + d];
      double u = (s - std::floor(s)) * mesh_[d];
      if (!(u < mesh_[d])) u = 0.0;  // s = -1e-17 rounds to a whole cell
      locate(u, order_, &atom.first[d], &atom.offset[d]);
      if (atom.first[d] < 0) atom.first[d] += mesh_[d];
      atom.dipole[d] = Real(0);
      if (dipoles) {
        const double* mu = dipoles + 3 * i;
        atom.dipole[d] = static_cast<Real>(
            mesh_[d] * (mu[0] * cell.inverse[d] + mu[1] * cell.inverse[3 + d] + mu[2] * cell.inverse[6 + d]));
      }
    }
  }
  // stable counting sort
  auto row_of = [&](std::int64_t i) {
    return static_cast<std::size_t>(unsorted_[i].first[0]) * mesh_[1] + unsorted_[i].first[1];
  };
  for (std::int64_t i = 0; i < n; ++i) slot_[i] = row_begin_[row_of(i) + 1]++;
  for (std::size_t row = 0; row < rows; ++row) row_begin_[row + 1] += row_begin_[row];
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t to = row_begin_[row_of(i)] + slot_[i];
    atoms_[to] = unsorted_[i];
    original_[to] = i;
  }
}

template class SortedAtoms<float>;
template class SortedAtoms<double>;

}  // namespace hotpp::pme
