// SPDX-License-Identifier: GPL-2.0-or-later
// The strain derivatives of atoms on one rank: the steps of a plan again, with other influence functions.
#include "pme/atom_strain.h"
#include "pme/plan_parts.h"

namespace hotpp::pme {

/// Without self energy and background; potential [n, 4]: and its Cartesian gradient.
template <class Real>
void Plan<Real>::Parts::potential_at_atoms(std::int64_t n, const double* positions, const double* charges,
                                           const double* dipoles, double* potential) {
  const int rank = dipoles ? 1 : 0, columns = components(rank);
  const MeshTransform transform(cell, settings.mesh);
  prepare(n, rank);
#pragma omp parallel
  {
    spread_in_team(positions, charges, dipoles, true);
    convolve_in_team(false);
#pragma omp for schedule(dynamic, 8)
    for (std::int64_t k = 0; k < static_cast<std::int64_t>(block_sums.size()); ++k) {
      const std::int64_t begin = k * block, end = std::min(n, begin + block);
      alignas(cache_line) Real derivatives[block * components(1)];
      gather_range(grid, atoms, mesh.data(), rank, begin, end, derivatives);
      for (std::int64_t i = begin; i < end; ++i) {
        const Real* const d = derivatives + (i - begin) * columns;
        double* const to = potential + 4 * atoms.original(i);
        to[0] = d[0];
        for (int a = 0; rank > 0 && a < 3; ++a) to[1 + a] = transform.gradient(a, d + 1);
      }
    }
  }
}

template <class Real>
void Plan<Real>::Parts::write_atom_strain(std::int64_t n, const double* positions, const double* charges,
                                          const double* dipoles, double* w) {
  const double total_charge = total_charges().charge;
  bool strained = false;
  const MeshPotential potential_of = [&](int component, const double* q, const double* mu,
                                         double* potential) {
    if (component != energy_component)
      convolution.set_strain_influence(component);
    else if (strained)
      convolution.set_cell(cell);
    strained = component != energy_component;
    potential_at_atoms(n, positions, q, mu, potential);
  };
  const double background = SelfTerms(settings, cell.volume).background * total_charge;
  atom_strain_of_mesh(potential_of, n, charges, dipoles, dipoles != nullptr, background, w);
  if (strained) convolution.set_cell(cell);
  if (settings.boundary != Boundary::Slab) return;
  SlabMoments moments;
  for (std::int64_t i = 0; i < n; ++i)
    moments.add(positions + 3 * i, charges[i], dipoles ? dipoles + 3 * i : nullptr);
  add_slab_atom_strain(cell, moments, n, positions, charges, dipoles, w);
}

#define HOTPP_STRAIN(REAL)                                                                        \
  template void Plan<REAL>::Parts::potential_at_atoms(std::int64_t, const double*, const double*, \
                                                      const double*, double*);                    \
  template void Plan<REAL>::Parts::write_atom_strain(std::int64_t, const double*, const double*,  \
                                                     const double*, double*);
HOTPP_STRAIN(float)
HOTPP_STRAIN(double)

}  // namespace hotpp::pme
