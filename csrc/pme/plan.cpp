// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/plan.h"

#include "pme/inputs.h"
#include "pme/plan_parts.h"
#include "pme/slab.h"

namespace hotpp::pme {

template <class Real>
Plan<Real>::Plan(const Settings& settings) : parts_(std::make_unique<Parts>(settings)) {}
template <class Real>
Plan<Real>::~Plan() = default;
template <class Real>
Plan<Real>::Plan(Plan&&) noexcept = default;
template <class Real>
Plan<Real>& Plan<Real>::operator=(Plan&&) noexcept = default;

template <class Real>
const Settings& Plan<Real>::settings() const {
  return parts_->settings;
}

template <class Real>
typename Plan<Real>::Memory Plan<Real>::memory() const {
  const Parts& p = *parts_;
  return {p.grid.size() * sizeof(Real) + p.convolution.memory() + p.slab_sums.capacity() * sizeof(ModeSums),
          p.atoms.memory() + p.coefficients.capacity() * sizeof(Real) +
              p.block_sums.capacity() * sizeof(AtomSums),
          p.scratch.size() * p.convolution.scratch_size() * sizeof(Real)};
}

template <class Real>
void Plan<Real>::set_cell(const double cell[9]) {
  if (parts_->cell.volume > 0 && std::equal(cell, cell + 9, parts_->cell.rows.begin())) return;
  parts_->cell = Cell(cell);
  parts_->convolution.set_cell(parts_->cell);
}

template <class Real>
void Plan<Real>::execute(std::int64_t n, const double* positions, const double* charges,
                         const double* dipoles, Output& output) {
  Parts& p = *parts_;
  const bool slab = p.settings.boundary == Boundary::Slab;
  if (slab)
    check_execute(p.settings, p.cell, n, positions, charges, dipoles, output);
  else
    check_request(p.settings, p.cell, dipoles != nullptr, output);
  const int spread_rank = dipoles ? 1 : 0;
  const bool dipole_strain = output.want_strain && dipoles;
  const int gather_rank = output.forces && dipoles                         ? 2
                          : output.forces || output.field || dipole_strain ? 1
                                                                           : 0;
  const bool gathers = output.potential || gather_rank > 0;
  // the gather gives the energy for nothing; the sums over modes cost, so they wait until they are asked for
  const bool sum_modes = output.want_strain || !gathers;
  const MeshTransform transform(p.cell, p.settings.mesh);
  const SelfTerms self(p.settings, p.cell.volume);
  p.prepare(n, spread_rank);
#pragma omp parallel
  {
    p.spread_in_team(positions, charges, dipoles, true);
    p.convolve_in_team(sum_modes);
    if (gathers) {
      const double total_charge = p.total_charges().charge;
      const Share blocks(p.block_sums.size(), team_rank(), team_size());
      int taken = blocks.begin < blocks.end ? p.atoms[blocks.begin * block].first[0] : 0;
      for (std::int64_t k = blocks.begin; k < blocks.end; ++k) {
        const std::int64_t begin = k * block, end = std::min(n, begin + block);
        taken = p.take_planes(taken, p.atoms[end - 1].first[0] + p.settings.order);
        alignas(cache_line) Real derivatives[block * components(2)];
        prefetch_outputs(p.atoms.original(), begin, end, charges, dipoles, output);
        gather_range(p.grid, p.atoms, p.mesh.data(), gather_rank, begin, end, derivatives);
        p.block_sums[k] =
            write_outputs(transform, self, total_charge, p.atoms.original(), begin, end, spread_rank,
                          p.coefficients.data(), gather_rank, derivatives, charges, dipoles, output);
      }
    }
  }
  // Numbers that are not finite do no harm on the way; so the threads look for them in passing.
  if (!p.plausible_inputs()) check_execute(p.settings, p.cell, n, positions, charges, dipoles, output);
  output.energy = 0.0;
  if (sum_modes) output.energy = p.sum_of_slabs(output.want_strain ? output.strain_derivative : nullptr);
  if (gathers)
    for (const AtomSums& s : p.block_sums) {
      if (!sum_modes) output.energy += s.energy;
      for (int ab = 0; dipole_strain && ab < 9; ++ab) output.strain_derivative[ab] += s.strain[ab];
    }
  const ChargeSums sums = p.total_charges();
  self.add(sums, output);
  if (slab) add_slab_correction(p.cell, n, positions, charges, dipoles, output);
  if (output.atom_strain) p.write_atom_strain(n, positions, charges, dipoles, output.atom_strain);
  Output results = output;
  if (!slab && !(gathers && !p.plausible_outputs()))
    results.potential = results.field = results.forces = nullptr;
  check_results(n, results);
}

template class Plan<float>;
template class Plan<double>;

}  // namespace hotpp::pme
