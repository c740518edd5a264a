// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/gather.h"

#include <algorithm>

namespace hotpp::pme {

template <class Real>
void fill_halo(const Grid<Real>& grid, int x, Real* mesh) {
  const int halo =
      padded_order(grid.order) - 1;  // kernels read whole vectors, and the padding must be finite
  for (int y = 0; y < grid.points[1]; ++y) {
    Real* const row = mesh + x * grid.plane + y * grid.row;
    for (int j = 0; j < halo; ++j) row[grid.points[2] + j] = row[j];
  }
}

template <class Real>
void gather_range(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, const Real* mesh, int rank,
                  std::int64_t begin, std::int64_t end, Real* derivatives) {
  const MeshView<const Real> view{mesh, grid.row, grid.plane, grid.points[0], grid.points[1]};
  kernels<Real>().gather[grid.order][rank](view, atoms.data(), begin, end, derivatives);
}

template <class Real>
void gather(const Grid<Real>& grid, const SortedAtoms<Real>& atoms, const Real* mesh, int rank,
            Real* derivatives) {
  constexpr std::int64_t block = 64;
  const std::int64_t n = atoms.size(), blocks = (n + block - 1) / block;
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < blocks; ++k)
    gather_range(grid, atoms, mesh, rank, k * block, std::min(n, (k + 1) * block),
                 derivatives + k * block * components(rank));
}

#define HOTPP_GATHER(REAL)                                                                                \
  template void fill_halo(const Grid<REAL>&, int, REAL*);                                                 \
  template void gather(const Grid<REAL>&, const SortedAtoms<REAL>&, const REAL*, int, REAL*);             \
  template void gather_range(const Grid<REAL>&, const SortedAtoms<REAL>&, const REAL*, int, std::int64_t, \
                             std::int64_t, REAL*);
HOTPP_GATHER(float)
HOTPP_GATHER(double)

}  // namespace hotpp::pme
