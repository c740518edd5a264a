// SPDX-License-Identifier: GPL-2.0-or-later
//
// One structure at work: its mesh in the memory of this thread, its atoms, transforms and sums over modes.
// The loops use OpenMP where no loop over structures does; all results are the same for any number of
// threads.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "ops/mesh_batch.h"
#include "ops/mesh_scratch.h"
#include "ops/mode_sums.h"
#include "pme/cpu/gather.h"
#include "pme/cpu/kernels.h"
#include "pme/cpu/spread.h"

namespace hotpp::ops {

// Only one at a time per thread and Real: they share the scratch memory.
template <class Real>
class MeshWorker {
 public:
  MeshWorker(const MeshBatch& batch, std::int64_t structure, std::int64_t order)
      : batch_(batch),
        structure_(structure),
        grid_(batch.meshes[structure], static_cast<int>(order)),
        atoms_(grid_.points, grid_.order),
        work_(scratch<Real>(Purpose::Mesh, grid_.size())) {}

  Real* row(int x, int y) const { return work_ + x * grid_.plane + y * grid_.row; }
  int stored_modes() const { return padded_modes<Real>(grid_.points[2]); }
  // Modes of fixed y are [x][z] behind this offset, in a table and in a spectrum (twice that).
  std::int64_t mode_row(int x, int y) const {
    return (static_cast<std::int64_t>(y) * grid_.points[0] + x) * stored_modes();
  }

  // Places the atoms; u [N, 3] of the batch.
  void place(const double* u) {
    const std::int64_t begin = batch_.first_atom[structure_], n = batch_.n_atoms(structure_);
    std::vector<double> mine(3 * n);
    for (std::int64_t i = 0; i < n; ++i) std::copy_n(u + 3 * batch_.atoms[begin + i], 3, mine.data() + 3 * i);
    atoms_.assign(n, mine.data());
  }

  // coefficients [N, components(rank)] of the batch, of which those of this structure are used.
  void spread(int rank, const Real* coefficients) {
    const std::int64_t columns = pme::components(rank);
    std::vector<Real> sorted(atoms_.size() * columns);
    for (std::int64_t i = 0; i < atoms_.size(); ++i)
      std::copy_n(coefficients + in_batch(i) * columns, columns, sorted.data() + i * columns);
    pme::spread(grid_, atoms_, rank, sorted.data(), work_);
  }

  // derivatives [N, components(rank)] of the batch, of which those of this structure are written.
  void gather(int rank, Real* derivatives) {
    const auto [k1, k2, k3] = grid_.points;
#pragma omp parallel for schedule(static)
    for (int x = 0; x < k1; ++x) pme::fill_halo(grid_, x, work_);
    const std::int64_t columns = pme::components(rank);
    std::vector<Real> sorted(atoms_.size() * columns);
    pme::gather(grid_, atoms_, work_, rank, sorted.data());
    for (std::int64_t i = 0; i < atoms_.size(); ++i)
      std::copy_n(sorted.data() + i * columns, columns, derivatives + in_batch(i) * columns);
  }

  // From and to the flat buffer of the batch.
  void load(const Real* buffer) {
    const Real* const from = buffer + batch_.first_point[structure_];
    const auto [k1, k2, k3] = grid_.points;
#pragma omp parallel for schedule(static)
    for (int x = 0; x < k1; ++x)
      for (int y = 0; y < k2; ++y)
        std::copy_n(from + (static_cast<std::int64_t>(x) * k2 + y) * k3, k3, row(x, y));
  }
  void store(double factor, Real* buffer) const {
    Real* const to = buffer + batch_.first_point[structure_];
    const auto [k1, k2, k3] = grid_.points;
    const Real scale = static_cast<Real>(factor);
#pragma omp parallel for schedule(static)
    for (int x = 0; x < k1; ++x)
      for (int y = 0; y < k2; ++y) {
        Real* const there = to + (static_cast<std::int64_t>(x) * k2 + y) * k3;
        const Real* const here = row(x, y);
        for (int z = 0; z < k3; ++z) there[z] = scale * here[z];
      }
  }

  // Transforms (not normalised) the mesh (forward: charges to modes before f, backward: modes to potential
  // after it) around calls f(x, y, columns) for all rows of modes, slab by slab.
  template <class F>
  SlabSum over_modes(bool forward, bool backward, const Modes& modes, const F& f) {
    const auto lines = transforms<Real>(grid_.points);
    const pme::Kernels<Real>& kernel = pme::kernels<Real>();
    const auto [k1, k2, k3] = grid_.points;
    const int block = 2 * pme::fft_lanes<Real>, blocks = 2 * stored_modes() / block;
    const std::size_t needed = pme::line_scratch<Real>(std::max({k1, k2, k3}));
    std::vector<SlabSum> slabs(k2);
#pragma omp parallel
    {
      Real* const memory = scratch<Real>(Purpose::Lines, needed);
      if (forward) {
#pragma omp for schedule(static)
        for (int x = 0; x < grid_.points[0]; ++x) {
          kernel.transform_rows_forward(lines->z.plan(), row(x, 0), grid_.row, grid_.points[1], memory);
          kernel.transform_lines(lines->y.plan(), row(x, 0), grid_.row, blocks, block, false, memory);
        }
      }
      SlabColumns columns(stored_modes());
#pragma omp for schedule(static)
      for (int y = 0; y < grid_.points[1]; ++y) {
        columns.clear();
        if (forward)
          kernel.transform_lines(lines->x.plan(), row(0, y), grid_.plane, blocks, block, false, memory);
        for (int x = 0; x < grid_.points[0]; ++x) f(x, y, columns);
        if (backward)
          kernel.transform_lines(lines->x.plan(), row(0, y), grid_.plane, blocks, block, true, memory);
        slabs[y] = columns.finish(modes, y);
      }
      if (backward) {
#pragma omp for schedule(static)
        for (int x = 0; x < grid_.points[0]; ++x) {
          kernel.transform_lines(lines->y.plan(), row(x, 0), grid_.row, blocks, block, true, memory);
          kernel.transform_rows_backward(lines->z.plan(), row(x, 0), grid_.row, grid_.points[1], memory);
        }
      }
    }
    SlabSum sum;  // in a fixed order
    for (const SlabSum& slab : slabs) sum += slab;
    return sum;
  }

 private:
  std::int64_t in_batch(std::int64_t sorted) const {
    return batch_.atoms[batch_.first_atom[structure_] + atoms_.original(sorted)];
  }

  const MeshBatch& batch_;
  std::int64_t structure_;
  pme::Grid<Real> grid_;
  pme::SortedAtoms<Real> atoms_;
  Real* work_;
};

}  // namespace hotpp::ops
