// SPDX-License-Identifier: GPL-2.0-or-later
// The stages of Plan::execute one by one, for tests.
#include "pme/plan_parts.h"

namespace hotpp::pme {

template <class Real>
void Plan<Real>::spread_stage(std::int64_t n, const double* positions, const double* charges,
                              const double* dipoles, Real* mesh) {
  check(parts_->cell);
  check_positions(parts_->cell, n, positions);
  check_sources(n, charges, dipoles);
  Parts& p = *parts_;
  p.prepare(n, dipoles ? 1 : 0);
#pragma omp parallel
  p.spread_in_team(positions, charges, dipoles, false);
  p.copy_mesh_to(mesh);
}

template <class Real>
void Plan<Real>::influence_stage(Real* influence) const {
  check(parts_->cell);
  const auto [k1, k2, k3] = parts_->settings.mesh;
  for (int x = 0; x < k1; ++x)
    for (int y = 0; y < k2; ++y)
      for (int z = 0; z <= k3 / 2; ++z) *influence++ = parts_->convolution.influence(x, y, z);
}

template <class Real>
double Plan<Real>::potential_stage(const Real* charge_mesh, Real* potential_mesh, double* strain) {
  check(parts_->cell);
  Parts& p = *parts_;
  p.prepare(0, 0);
  p.copy_mesh_from(charge_mesh);
#pragma omp parallel
  {
    p.planes_forward_in_team();
    p.convolve_in_team(true);
  }
  p.copy_mesh_to(potential_mesh);
  return p.sum_of_slabs(strain);
}

template <class Real>
void Plan<Real>::gather_stage(std::int64_t n, const double* positions, const Real* mesh,
                              double* derivatives) {
  check(parts_->cell);
  check_positions(parts_->cell, n, positions);
  Parts& p = *parts_;
  p.copy_mesh_from(mesh);
  for (int x = 0; x < p.grid.points[0]; ++x) fill_halo(p.grid, x, p.mesh.data());
  p.atoms.assign(p.cell, n, positions);
  const int rank = p.settings.order >= lowest_order(2) ? 2 : 1;
  std::vector<Real> sorted(static_cast<std::size_t>(n) * components(rank));
  gather(p.grid, p.atoms, p.mesh.data(), rank, sorted.data());
  std::fill_n(derivatives, n * components(2), 0.0);
  for (std::int64_t i = 0; i < n; ++i)
    std::copy_n(sorted.data() + components(rank) * i, components(rank),
                derivatives + components(2) * p.atoms.original(i));
}

#define HOTPP_STAGES(REAL)                                                                                  \
  template void Plan<REAL>::spread_stage(std::int64_t, const double*, const double*, const double*, REAL*); \
  template void Plan<REAL>::influence_stage(REAL*) const;                                                   \
  template double Plan<REAL>::potential_stage(const REAL*, REAL*, double*);                                 \
  template void Plan<REAL>::gather_stage(std::int64_t, const double*, const REAL*, double*);
HOTPP_STAGES(float)
HOTPP_STAGES(double)

}  // namespace hotpp::pme
