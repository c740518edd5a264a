// SPDX-License-Identifier: GPL-2.0-or-later
// The strain derivatives of atoms on many ranks: the parts of a step again, with other influence functions.
#include <algorithm>
#include <stdexcept>
#include <vector>

#include "pme/atom_strain.h"
#include "pme/mpi/distributed_step.h"
#include "pme/outputs.h"

namespace hotpp::pme {

template <class Real>
void PencilConvolution<Real>::set_strain_influence(int component) {
#pragma omp parallel for schedule(static)
  for (int y = 0; y < mode_y_.size(); ++y)
    for (int z = 0; z < blocks_.size(); ++z)
      mode_columns_.strain_influence(mode_y_.begin + y, blocks_.begin + z, component,
                                     influence_.data() + x_block(y, z));
}

/// Without self energy and background; potential [n, 4]: and its Cartesian gradient.
template <class Real>
void DistributedStep<Real>::potential_at_atoms(std::int64_t n, const double* positions, const double* charges,
                                               const double* dipoles, double* potential) {
  sum_charges(n, positions, charges, dipoles, Output());
  const bool overflow = reduce(comm, sums).mesh_overflow;  // of the charge mesh: known by now, on all ranks
  if (overflow)
    throw std::overflow_error(
        "The sum on the charge mesh overflowed for the strain derivatives of atoms: use a finer mesh or the "
        "double mesh.");
  if (convolution) {
    ExactModeSums not_needed;
    convolution->convolve(true, false, &not_needed);
  }
  halo.potentials_to_windows(window(), window_potential.data(), owned_rows(),
                             convolution ? convolution->mesh() : nullptr);
  unfold(window(), settings.mesh, window_potential.data());

  const MeshTransform transform(cell, settings.mesh);
  const Grid<Real> grid = window();
  const MeshView<const Real> view{window_potential.data(), grid.row, grid.plane, grid.points[0],
                                  grid.points[1]};
  constexpr std::int64_t block = 64;
  const std::int64_t blocks = (atoms.size() + block - 1) / block;
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < blocks; ++k) {
    const std::int64_t begin = k * block, end = std::min(atoms.size(), begin + block);
    alignas(cache_line) Real derivatives[block * components(1)];
    kernels<Real>().gather[settings.order][1](view, atoms.atoms(), begin, end, derivatives);
    for (std::int64_t i = begin; i < end; ++i) {
      const Real* const d = derivatives + (i - begin) * components(1);
      double* const to = potential + 4 * static_cast<std::int64_t>(atoms.original()[i]);
      to[0] = d[0];
      for (int a = 0; a < 3; ++a) to[1 + a] = transform.gradient(a, d + 1);
    }
  }
}

template <class Real>
void DistributedStep<Real>::write_atom_strain(const GlobalTotals& totals, std::int64_t n,
                                              const double* positions, const double* charges,
                                              const double* dipoles, bool any_dipoles, double* w) {
  const Traffic of_the_step = traffic;
  bool strained = false;
  const MeshPotential potential_of = [&](int component, const double* q, const double* mu,
                                         double* potential) {
    if (convolution && component != energy_component)
      convolution->set_strain_influence(component);
    else if (convolution && strained)
      convolution->set_cell(cell);
    strained = component != energy_component;
    potential_at_atoms(n, positions, q, mu, potential);
  };
  std::vector<double> unwanted;  // this rank takes part, whatever it wants itself
  if (!w) {
    unwanted.resize(6 * static_cast<std::size_t>(n) + 1);
    w = unwanted.data();
  }
  const double background = SelfTerms(settings, cell.volume).background * totals.charges.charge;
  atom_strain_of_mesh(potential_of, n, charges, dipoles, any_dipoles, background, w);
  if (convolution && strained) convolution->set_cell(cell);
  if (settings.boundary == Boundary::Slab)
    add_slab_atom_strain(cell, totals.slab, n, positions, charges, dipoles, w);
  traffic = of_the_step;
}

#define HOTPP_STRAIN(REAL)                                                                                 \
  template void PencilConvolution<REAL>::set_strain_influence(int);                                        \
  template void DistributedStep<REAL>::potential_at_atoms(std::int64_t, const double*, const double*,      \
                                                          const double*, double*);                         \
  template void DistributedStep<REAL>::write_atom_strain(const GlobalTotals&, std::int64_t, const double*, \
                                                         const double*, const double*, bool, double*);
HOTPP_STRAIN(float)
HOTPP_STRAIN(double)

}  // namespace hotpp::pme
