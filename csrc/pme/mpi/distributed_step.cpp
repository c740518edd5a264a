// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/distributed_step.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "pme/inputs.h"
#include "pme/outputs.h"

namespace hotpp::pme {

/// From atoms to the charge mesh of the owners.
template <class Real>
void DistributedStep<Real>::sum_charges(std::int64_t n, const double* positions, const double* charges,
                                        const double* dipoles, const Output& output) {
  Announcement mine;
  std::string error;
  mine.common = hash_of(cell.rows.data(), 9);
  mine.wants_outputs = output.potential || output.field || output.forces;
  mine.wants_strain = output.want_strain;
  mine.wants_atom_strain = output.atom_strain != nullptr;
  mine.has_dipoles = n > 0 && dipoles;
  mine.atoms = n;
  try {
    check_execute(settings, cell, n, positions, charges, dipoles, output);
    for (std::int64_t i = 0; i < n; ++i) mine.extent.add(positions[3 * i + 2]);
    atoms.locate(cell, n, positions, charges, dipoles);
    mine.box = atoms.box();
    mine.largest = atoms.largest();
    if (!std::isfinite(mine.largest))
      throw std::invalid_argument(
          "A charge or dipole is too large to be a number on the mesh: check the model.");
    window_charges.reserve(window().size());
    window_potential.reserve(window().size());
  } catch (const std::exception& e) {
    mine.failed = true;
    error = e.what();
  }
  announce(comm, mine, error, "cell", &announced);

  sums = GlobalSums();
  double largest = 0.0;
  SlabExtent extent;
  boxes.clear();
  for (const Announcement& a : announced) {
    boxes.push_back(a.box);
    extent.low = std::min(extent.low, a.extent.low);
    extent.high = std::max(extent.high, a.extent.high);
    largest = std::max(largest, a.largest);
  }
  if (settings.boundary == Boundary::Slab) check_slab(cell, extent);  // the same on all ranks
  halo.begin_step(boxes);
  atoms.sort();
  bool fits = spread_fixed(window(), atoms, dipoles != nullptr, fixed_point_exponent<Real>(largest),
                           window_charges.data());
  fits &= fold(window(), settings.mesh, window_charges.data());
  fits &= halo.charges_to_owners(window(), window_charges.data(), fixed_point_exponent<Real>(largest),
                                 owned_rows(), convolution ? convolution->mesh() : nullptr);
  sums.mesh_overflow = !fits;

  traffic = {};
  traffic.charge = halo.charge_traffic();
  traffic.collectives.add(sizeof(Announcement));
}

/// Gathers and writes what this rank's atoms want; adds to the strain derivative of dipoles.
template <class Real>
void DistributedStep<Real>::write_atoms(const double* charges, const double* dipoles, Output output) {
  const bool dipole_strain = output.want_strain && dipoles;
  const int rank = output.forces && dipoles ? 2 : output.forces || output.field || dipole_strain ? 1 : 0;
  if (!output.potential && rank == 0) return;
  const MeshTransform transform(cell, settings.mesh);
  const SelfTerms self(settings, cell.volume);
  const Grid<Real> grid = window();
  const MeshView<const Real> view{window_potential.data(), grid.row, grid.plane, grid.points[0],
                                  grid.points[1]};
  constexpr std::int64_t block = 64;
  const std::int64_t n = atoms.size(), blocks = (n + block - 1) / block;
  bool fits = true;
#pragma omp parallel reduction(&& : fits)
  {
    ExactSum strain[9];
#pragma omp for schedule(static)
    for (std::int64_t k = 0; k < blocks; ++k) {
      const std::int64_t begin = k * block, end = std::min(n, begin + block);
      alignas(cache_line) Real derivatives[block * components(2)];
      prefetch_outputs(atoms.original(), begin, end, charges, dipoles, output);
      kernels<Real>().gather[settings.order][rank](view, atoms.atoms(), begin, end, derivatives);
      // one atom at a time where its strain is needed by itself: sums over blocks would depend on the ranks
      const std::int64_t step = dipole_strain ? 1 : end - begin;
      for (std::int64_t i = begin; i < end; i += step) {
        const AtomSums atom =
            write_outputs(transform, self, 0.0, atoms.original(), i, i + step, 1, atoms.coefficients(), rank,
                          derivatives + (i - begin) * components(rank), charges, dipoles, output);
        if (dipole_strain)
          for (int ab = 0; ab < 9; ++ab) fits = strain[ab].add(atom.strain[ab]) && fits;
      }
    }
#pragma omp critical
    for (int ab = 0; ab < 9; ++ab) sums.dipole_strain[ab].add(strain[ab]);
  }
  sums.too_large |= !fits;
}

/// Global results, and what they add to those of the atoms.
template <class Real>
void DistributedStep<Real>::finish(const GlobalTotals& totals, std::int64_t n, const double* positions,
                                   const double* charges, const double* dipoles, Output& output) const {
  if (totals.mesh_overflow)
    throw std::overflow_error(
        "The sum on the charge mesh overflowed: more than 16 (float mesh) or 8192 (double mesh) times the "
        "largest "
        "charge or dipole of an atom came together on one mesh point. Use a finer mesh or the double mesh, "
        "and look "
        "whether atoms lie on top of each other.");
  if (totals.too_large)
    throw std::overflow_error(
        "The electrostatic energy is too large to be summed (5e11 eV): look at the charges and dipoles.");
  output.energy = totals.mode_energy;
  if (output.want_strain) {
    double strain[6] = {};
    modes.add_strain(totals.mode_moments, strain);
    constexpr int component[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
    for (int ab = 0; ab < 9; ++ab)
      output.strain_derivative[ab] =
          strain[component[ab]] - (ab % 4 == 0 ? totals.mode_energy : 0.0) + totals.dipole_strain[ab];
  }
  const SelfTerms self(settings, cell.volume);
  self.add(totals.charges, output);
  if (output.potential)
    for (std::int64_t i = 0; i < n; ++i) output.potential[i] += 2.0 * self.background * totals.charges.charge;
  if (settings.boundary == Boundary::Slab) {
    add_slab_energy(cell, totals.slab, output);
    add_slab_to_atoms(cell, totals.slab, n, positions, charges, dipoles, output);
  }
}

template <class Real>
void DistributedStep<Real>::execute(std::int64_t n, const double* positions, const double* charges,
                                    const double* dipoles, Output& output) {
  sum_charges(n, positions, charges, dipoles, output);
  bool outputs = false, strain = false, atom_strain = false, any_dipoles = false;
  for (const Announcement& a : announced) {
    outputs |= a.wants_outputs;
    strain |= a.wants_strain;
    atom_strain |= a.wants_atom_strain;
    any_dipoles |= a.has_dipoles;
  }
  const bool way_back = outputs || (strain && any_dipoles);
  if (convolution) {
    convolution->convolve(way_back, strain, &sums.modes);
    traffic.transposes = convolution->traffic();
  }
  if (way_back) {
    halo.potentials_to_windows(window(), window_potential.data(), owned_rows(),
                               convolution ? convolution->mesh() : nullptr);
    unfold(window(), settings.mesh, window_potential.data());
    traffic.potential = halo.potential_traffic();
    Output mine = output;
    mine.want_strain = strain;
    write_atoms(charges, dipoles, mine);
  }
  sums.add_atoms(settings, n, positions, charges, dipoles);
  traffic.collectives.add(reduce_bytes());
  const GlobalTotals totals = reduce(comm, sums);
  finish(totals, n, positions, charges, dipoles, output);
  if (atom_strain) write_atom_strain(totals, n, positions, charges, dipoles, any_dipoles, output.atom_strain);
}

template struct DistributedStep<float>;
template struct DistributedStep<double>;

}  // namespace hotpp::pme
