// SPDX-License-Identifier: GPL-2.0-or-later
// Layout of the mesh in memory: x slowest, z fastest, rows padded.
//
// A row holds K3 points plus a halo, so that no stencil wraps along z, and is a whole number of cache lines,
// so that every row is aligned alike (FFT libraries give the same bits only for the same alignment). The real
// mesh and its half-complex spectrum (K3/2 + 1 modes per row, interleaved) share the memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

#include "pme/splines.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace hotpp::pme {

constexpr std::size_t cache_line = 64, huge_page = std::size_t(1) << 21;

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};

/// Zeroed array aligned to a cache line.
template <class Real>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(std::size_t size) {
    const std::size_t wanted = size * sizeof(Real);
    // Stencils walk over some hundred pages of 4 kB at once: more than the processor remembers the places of.
    const bool large = wanted >= 2 * huge_page;
    const std::size_t unit = large ? huge_page : cache_line, bytes = (wanted + unit - 1) / unit * unit;
    data_.reset(static_cast<Real*>(std::aligned_alloc(unit, bytes)));
    if (!data_) throw std::bad_alloc();
#if defined(__linux__)
    if (large) madvise(data_.get(), bytes, MADV_HUGEPAGE);  // only a hint
#endif
    // by all threads, in the order in which they use it: memory belongs to the one that touches it first
#pragma omp parallel for schedule(static)
    for (std::size_t i = 0; i < size; ++i) data_[i] = Real(0);
  }
  Real* data() const { return data_.get(); }

 private:
  std::unique_ptr<Real[], FreeDeleter> data_;
};

template <class Real>
struct Grid {
  std::array<int, 3> points;
  int order;
  std::ptrdiff_t row;    ///< reals from one row (x, y) to the next
  std::ptrdiff_t plane;  ///< reals from one plane x to the next

  Grid(const std::array<int, 3>& mesh, int order) : points(mesh), order(order) {
    const int line = cache_line / sizeof(Real);
    // order >= 3, so the halo also covers the two reals that the spectrum needs more than the mesh
    row = (mesh[2] + padded_order(order) - 1 + line - 1) / line * line;
    plane = row * mesh[1];
  }
  /// The same with an odd number of cache lines from one plane to the next: points of one (y, z) in all
  /// planes would otherwise share a few sets of the cache (128 x 128 rows of 576 bytes: one).
  Grid with_padded_planes() const {
    Grid grid = *this;
    const std::ptrdiff_t line = cache_line / sizeof(Real);
    if (plane / line % 2 == 0) grid.plane += line;
    return grid;
  }
  int modes() const { return points[2] / 2 + 1; }
  std::size_t size() const { return static_cast<std::size_t>(plane) * points[0]; }
};

}  // namespace hotpp::pme
