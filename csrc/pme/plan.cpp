// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/plan.h"

#include <algorithm>
#include <vector>

#include "pme/cpu/fft.h"
#include "pme/cpu/gather.h"
#include "pme/cpu/grid.h"
#include "pme/cpu/sorted_atoms.h"
#include "pme/cpu/spread.h"
#include "pme/influence.h"
#include "pme/inputs.h"
#include "pme/outputs.h"

namespace hotpp::pme {
namespace {

const Settings& checked(const Settings& settings) {
  check(settings);
  return settings;
}

/// Atoms of one share of the gather; its sums are added up in a fixed order.
constexpr std::int64_t block = 64;

/// Sorted multipole coefficients in mesh units; to be called by every thread of a team, ends with a barrier.
template <class Real>
void sort_coefficients(const MeshTransform& transform, const SortedAtoms<Real>& atoms, const double* charges,
                       const double* dipoles, Real* coefficients) {
#pragma omp for schedule(static)
  for (std::int64_t i = 0; i < atoms.size(); ++i) {
    const std::int64_t from = atoms.original(i);
    if (!dipoles) {
      coefficients[i] = static_cast<Real>(charges[from]);
      continue;
    }
    Real* const c = coefficients + 4 * i;
    c[0] = static_cast<Real>(charges[from]);
    for (int d = 0; d < 3; ++d) c[1 + d] = static_cast<Real>(transform.vector(d, dipoles + 3 * from));
  }
}

ChargeSums charge_sums(std::int64_t n, const double* charges, const double* dipoles) {
  ChargeSums sums;
  for (std::int64_t i = 0; i < n; ++i) {
    sums.charge += charges[i];
    sums.charge_squared += charges[i] * charges[i];
  }
  if (dipoles)
    for (std::int64_t i = 0; i < 3 * n; ++i) sums.dipole_squared += dipoles[i] * dipoles[i];
  return sums;
}

}  // namespace

template <class Real>
struct Plan<Real>::Parts {
  Settings settings;
  Grid<Real> grid;
  AlignedArray<Real> mesh;
  Fft<Real> fft;
  Influence<Real> influence;
  SortedAtoms<Real> atoms;
  Cell cell;
  std::vector<ModeSums> slab_sums;
  std::vector<AtomSums> block_sums;
  std::vector<Real> coefficients;

  explicit Parts(const Settings& s)
      : settings(checked(s)),
        grid(s.mesh, s.order),
        mesh(grid.size()),
        fft(grid, mesh.data()),
        influence(s),
        atoms(s.mesh, s.order),
        slab_sums(s.mesh[1]) {}
};

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
void Plan<Real>::set_cell(const double cell[9]) {
  if (parts_->cell.volume > 0 && std::equal(cell, cell + 9, parts_->cell.rows.begin())) return;
  parts_->cell = Cell(cell);
  parts_->influence.set_cell(parts_->cell);
}

template <class Real>
double Plan<Real>::convolve(double* strain) {
  Parts& p = *parts_;
  Real* const mesh = p.mesh.data();
  const int k1 = p.settings.mesh[0], k2 = p.settings.mesh[1];
#pragma omp parallel
  {
#pragma omp for schedule(static)
    for (int x = 0; x < k1; ++x) p.fft.plane_forward(mesh, x);
#pragma omp for schedule(static)
    for (int y = 0; y < k2; ++y) {
      p.fft.slab_forward(mesh, y);
      p.slab_sums[y] = p.influence.apply(y, mesh + y * p.grid.row, p.grid.plane, strain != nullptr);
      p.fft.slab_backward(mesh, y);
    }
#pragma omp for schedule(static)
    for (int x = 0; x < k1; ++x) {
      p.fft.plane_backward(mesh, x);
      fill_halo(p.grid, x, mesh);
    }
  }
  ModeSums total;  // summed in a fixed order
  for (const ModeSums& slab : p.slab_sums) {
    total.energy += slab.energy;
    for (int c = 0; c < 6; ++c) total.strain[c] += slab.strain[c];
  }
  if (strain) {
    constexpr int component[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
    for (int ab = 0; ab < 9; ++ab)
      strain[ab] = total.strain[component[ab]] - (ab % 4 == 0 ? total.energy : 0.0);
  }
  return total.energy;
}

template <class Real>
void Plan<Real>::execute(std::int64_t n, const double* positions, const double* charges,
                         const double* dipoles, Output& output) {
  Parts& p = *parts_;
  check_execute(p.settings, p.cell, n, positions, charges, dipoles, output);
  const int spread_rank = dipoles ? 1 : 0;
  spread_atoms(n, positions, charges, dipoles);
  output.energy = convolve(output.want_strain ? output.strain_derivative : nullptr);

  const ChargeSums sums = charge_sums(n, charges, dipoles);
  const MeshTransform transform(p.cell, p.settings.mesh);
  const SelfTerms self(p.settings, p.cell.volume);
  const bool gathered_strain = output.want_strain && dipoles;
  const int gather_rank = output.forces && dipoles                           ? 2
                          : output.forces || output.field || gathered_strain ? 1
                                                                             : 0;
  if (output.potential || gather_rank > 0) {
    const std::int64_t blocks = (n + block - 1) / block;
    p.block_sums.resize(blocks);
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < blocks; ++k) {
      const std::int64_t begin = k * block, end = std::min(n, begin + block);
      Real derivatives[block * components(2)];
      gather_range(p.grid, p.atoms, p.mesh.data(), gather_rank, begin, end, derivatives);
      p.block_sums[k] =
          write_outputs(transform, self, sums.charge, p.atoms.original(), begin, end, spread_rank,
                        p.coefficients.data(), gather_rank, derivatives, charges, dipoles, output);
    }
    for (const AtomSums& s : p.block_sums)
      for (int ab = 0; ab < 9; ++ab) output.strain_derivative[ab] += gathered_strain ? s.strain[ab] : 0.0;
  }
  self.add(sums, output);
}

template <class Real>
void Plan<Real>::spread_atoms(std::int64_t n, const double* positions, const double* charges,
                              const double* dipoles) {
  Parts& p = *parts_;
  const int rank = dipoles ? 1 : 0;
  p.atoms.assign(p.cell, n, positions);
  p.coefficients.resize(static_cast<std::size_t>(n) * components(rank));
  const MeshTransform transform(p.cell, p.settings.mesh);
#pragma omp parallel
  sort_coefficients(transform, p.atoms, charges, dipoles, p.coefficients.data());
  spread(p.grid, p.atoms, rank, p.coefficients.data(), p.mesh.data());
}

template <class Real>
void Plan<Real>::spread_stage(std::int64_t n, const double* positions, const double* charges,
                              const double* dipoles, Real* mesh) {
  check(parts_->cell);
  Parts& p = *parts_;
  spread_atoms(n, positions, charges, dipoles);
  const auto [k1, k2, k3] = p.settings.mesh;
  for (int row = 0; row < k1 * k2; ++row)
    std::copy_n(p.mesh.data() + row * p.grid.row, k3, mesh + static_cast<std::ptrdiff_t>(row) * k3);
}

template <class Real>
void Plan<Real>::influence_stage(Real* influence) const {
  check(parts_->cell);
  const auto [k1, k2, k3] = parts_->settings.mesh;
  for (int x = 0; x < k1; ++x)
    for (int y = 0; y < k2; ++y)
      for (int z = 0; z <= k3 / 2; ++z) *influence++ = parts_->influence(x, y, z);
}

template <class Real>
double Plan<Real>::potential_stage(const Real* charge_mesh, Real* potential_mesh, double* strain) {
  check(parts_->cell);
  Parts& p = *parts_;
  const auto [k1, k2, k3] = p.settings.mesh;
  for (int row = 0; row < k1 * k2; ++row)
    std::copy_n(charge_mesh + static_cast<std::ptrdiff_t>(row) * k3, k3, p.mesh.data() + row * p.grid.row);
  const double energy = convolve(strain);
  for (int row = 0; row < k1 * k2; ++row)
    std::copy_n(p.mesh.data() + row * p.grid.row, k3, potential_mesh + static_cast<std::ptrdiff_t>(row) * k3);
  return energy;
}

template <class Real>
void Plan<Real>::gather_stage(std::int64_t n, const double* positions, const Real* mesh,
                              double* derivatives) {
  check(parts_->cell);
  Parts& p = *parts_;
  const auto [k1, k2, k3] = p.settings.mesh;
  for (int row = 0; row < k1 * k2; ++row)
    std::copy_n(mesh + static_cast<std::ptrdiff_t>(row) * k3, k3, p.mesh.data() + row * p.grid.row);
  for (int x = 0; x < k1; ++x) fill_halo(p.grid, x, p.mesh.data());
  p.atoms.assign(p.cell, n, positions);
  const int rank = p.settings.order >= lowest_order(2) ? 2 : 1;
  std::vector<Real> sorted(static_cast<std::size_t>(n) * components(rank));
  gather(p.grid, p.atoms, p.mesh.data(), rank, sorted.data());
  std::fill_n(derivatives, n * components(2), 0.0);
  for (std::int64_t i = 0; i < n; ++i)
    std::copy_n(sorted.data() + components(rank) * i, components(rank),
                derivatives + components(2) * p.atoms.original(i));
}

template class Plan<float>;
template class Plan<double>;

}  // namespace hotpp::pme
