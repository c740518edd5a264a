// SPDX-License-Identifier: GPL-2.0-or-later
// The memory of a plan and the steps of its execution for a team of threads. Only for plan.cpp and
// plan_stages.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <vector>

#include "pme/cpu/convolution.h"
#include "pme/cpu/gather.h"
#include "pme/cpu/grid.h"
#include "pme/cpu/ownership.h"
#include "pme/cpu/sorted_atoms.h"
#include "pme/cpu/spread.h"
#include "pme/cpu/threads.h"
#include "pme/inputs.h"
#include "pme/outputs.h"
#include "pme/plan.h"

namespace hotpp::pme {

template <class Real>
const Settings& checked(const Settings& settings) {
  check(settings);
  check_size(settings, sizeof(Real));
  return settings;
}

/// Atoms of one share of the gather; its sums are added up in a fixed order.
constexpr std::int64_t block = 32;

/// Multipole coefficients in mesh units of the sorted atoms [begin, end).
template <class Real>
void sort_coefficients(const MeshTransform& transform, const std::int32_t* original, std::int64_t begin,
                       std::int64_t end, const double* charges, const double* dipoles, Real* coefficients) {
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t from = original[i];
    if (!dipoles) {
      coefficients[i] = static_cast<Real>(charges[from]);
      continue;
    }
    Real* const c = coefficients + 4 * i;
    c[0] = static_cast<Real>(charges[from]);
    for (int d = 0; d < 3; ++d) c[1 + d] = static_cast<Real>(transform.vector(d, dipoles + 3 * from));
  }
}

/// Atoms of one partial sum of charges.
constexpr std::int64_t charge_block = 512;

inline ChargeSums charge_sums(std::int64_t begin, std::int64_t end, const double* charges,
                              const double* dipoles) {
  ChargeSums sums;
  for (std::int64_t i = begin; i < end; ++i) {
    sums.charge += charges[i];
    sums.charge_squared += charges[i] * charges[i];
  }
  if (dipoles) {
    double squared[3] = {};
    for (std::int64_t i = begin; i < end; ++i)
      for (int a = 0; a < 3; ++a) squared[a] += dipoles[3 * i + a] * dipoles[3 * i + a];
    sums.dipole_squared = squared[0] + squared[1] + squared[2];
  }
  return sums;
}

template <class Real>
struct Plan<Real>::Parts {
  Settings settings;
  int threads = 1;  // at most, in this call
  Grid<Real> grid;
  AlignedArray<Real> mesh;
  Convolution<Real> convolution;
  SortedAtoms<Real> atoms;
  Cell cell;
  std::vector<ModeSums> slab_sums;
  std::vector<ChargeSums> charge_blocks;
  std::vector<AtomSums> block_sums;
  std::vector<char> plausible;  // positions, by part
  std::vector<Real> coefficients;
  std::vector<AlignedArray<Real>> scratch;  // of every thread

  explicit Parts(const Settings& s)
      : settings(checked<Real>(s)),
        grid(Grid<Real>(s.mesh, s.order).with_padded_planes()),
        mesh(grid.size()),
        convolution(s, grid),
        atoms(s.mesh, s.order),
        slab_sums(s.mesh[1]) {}

  void prepare(std::int64_t n, int rank) {
    threads = max_threads();
    atoms.resize(n, threads);
    coefficients.resize(static_cast<std::size_t>(n) * components(rank));
    plausible.resize(threads);
    charge_blocks.resize((n + charge_block - 1) / charge_block);
    block_sums.resize((n + block - 1) / block);
    while (static_cast<int>(scratch.size()) < threads) scratch.emplace_back(convolution.scratch_size());
  }

  /// False if what the step was given may be wrong (every position is located somewhere, whatever it is).
  bool plausible_inputs() const {
    const ChargeSums sums = total_charges();
    return std::isfinite(sums.charge_squared + sums.dipole_squared) &&
           std::all_of(plausible.begin(), plausible.end(), [](char ok) { return ok; });
  }
  /// False if a number for an atom may not be finite.
  bool plausible_outputs() const {
    double size = 0.0;
    for (const AtomSums& s : block_sums) size += s.size[0] + s.size[1] + s.size[2];
    return std::isfinite(size);
  }

  // See atom_strain.h; in plan_strain.cpp.
  void write_atom_strain(std::int64_t n, const double* positions, const double* charges,
                         const double* dipoles, double* w);
  void potential_at_atoms(std::int64_t n, const double* positions, const double* charges,
                          const double* dipoles, double* potential);

  // Steps for a team of threads; each ends with a barrier.

  /// Charge mesh, and its planes transformed if wanted.
  void spread_in_team(const double* positions, const double* charges, const double* dipoles, bool transform) {
    const MeshTransform to_mesh(cell, settings.mesh);
#pragma omp for schedule(static) nowait
    for (std::int64_t k = 0; k < static_cast<std::int64_t>(charge_blocks.size()); ++k)
      charge_blocks[k] =
          charge_sums(k * charge_block, std::min(atoms.size(), (k + 1) * charge_block), charges, dipoles);
#pragma omp for schedule(static)
    for (int p = 0; p < threads; ++p) {
      const std::int64_t begin = atoms.part_begin(p), count = atoms.part_begin(p + 1) - begin;
      plausible[p] = all_within(positions + 3 * begin, 3 * count, position_limit(cell));
      atoms.locate_part(&cell, positions, p);
    }
#pragma omp for schedule(static)
    for (int p = 0; p < threads; ++p)
      atoms.sort_part(p, [&](std::int64_t begin, std::int64_t end) {
        sort_coefficients(to_mesh, atoms.original(), begin, end, charges, dipoles, coefficients.data());
      });
    const double plane_cost = transform ? atoms_per_plane(grid) : 0.0;
    const int part = team_rank(), parts = team_size();
    spread_planes(grid, atoms, dipoles ? 1 : 0, coefficients.data(),
                  balanced_plane(atoms, grid.points[0], plane_cost, part, parts),
                  balanced_plane(atoms, grid.points[0], plane_cost, part + 1, parts), mesh.data(),
                  [&](int x) {
                    if (transform) convolution.plane_forward(mesh.data(), x, scratch[part].data());
                  });
#pragma omp barrier
  }

  void planes_forward_in_team() {
#pragma omp for schedule(static)
    for (int x = 0; x < grid.points[0]; ++x)
      convolution.plane_forward(mesh.data(), x, scratch[team_rank()].data());
  }

  /// Transformed planes -> potential mesh with halo.
  void convolve_in_team(bool want_sums) {
    Real* const own = scratch[team_rank()].data();
    const Share planes = own_planes(), slabs(grid.points[1], team_rank(), team_size());
    const Share all(grid.points[0], 0, 1);
    // rows of the planes of others, a few at a time so that they stay in the cache
    const int rows = std::max<std::ptrdiff_t>(1, (1 << 17) / (grid.row * sizeof(Real) * grid.points[0]));
    for (int y = slabs.begin; y < slabs.end; ++y) {
      if ((y - slabs.begin) % rows == 0)
        take_rows({{all.begin, planes.begin}, {planes.end, all.end}}, y, std::min<int>(y + rows, slabs.end));
      slab_sums[y] = convolution.slab(mesh.data(), y, want_sums, own);
    }
#pragma omp barrier
    for (int x = planes.begin; x < planes.end; ++x) {
      take_rows({{x, x + 1}}, 0, slabs.begin);
      take_rows({{x, x + 1}}, slabs.end, grid.points[1]);
      convolution.plane_backward(mesh.data(), x, own);
      fill_halo(grid, x, mesh.data());
    }
#pragma omp barrier
  }

  /// Rows y0 .. y1 - 1 of ranges of planes for this thread alone.
  void take_rows(std::initializer_list<std::array<std::int64_t, 2>> ranges, std::int64_t y0,
                 std::int64_t y1) {
    for (const auto& range : ranges)
      for (std::int64_t x = range[0]; x < range[1]; ++x)
        take_over(mesh.data() + x * grid.plane + y0 * grid.row, (y1 - y0) * grid.row);
  }

  /// Planes x0 .. x1 - 1 (modulo K1) for this thread alone; x1.
  int take_planes(int x0, int x1) {
    const Share own = own_planes();
    for (int plane = x0; plane < x1; ++plane) {
      const int x = plane % grid.points[0];
      if (x < own.begin || x >= own.end) take_rows({{x, x + 1}}, 0, grid.points[1]);
    }
    return x1;
  }

  /// Planes of the potential mesh that this thread makes.
  Share own_planes() const { return {grid.points[0], team_rank(), team_size()}; }

  /// From and to [K1, K2, K3] without halo.
  void copy_mesh_from(const Real* points) {
    for (int x = 0; x < grid.points[0]; ++x)
      for (int y = 0; y < grid.points[1]; ++y, points += grid.points[2])
        std::copy_n(points, grid.points[2], mesh.data() + x * grid.plane + y * grid.row);
  }
  void copy_mesh_to(Real* points) const {
    for (int x = 0; x < grid.points[0]; ++x)
      for (int y = 0; y < grid.points[1]; ++y, points += grid.points[2])
        std::copy_n(mesh.data() + x * grid.plane + y * grid.row, grid.points[2], points);
  }

  ChargeSums total_charges() const {
    ChargeSums total;
    for (const ChargeSums& s : charge_blocks) {
      total.charge += s.charge;
      total.charge_squared += s.charge_squared;
      total.dipole_squared += s.dipole_squared;
    }
    return total;
  }

  /// Energy and, if not null, strain derivative [9] at fixed charge mesh, summed in a fixed order.
  double sum_of_slabs(double* strain) const {
    ModeSums total;
    for (const ModeSums& slab : slab_sums) {
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
};

}  // namespace hotpp::pme
