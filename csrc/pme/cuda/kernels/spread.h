// SPDX-License-Identifier: GPL-2.0-or-later
// Multipoles of rank R to the fixed-point mesh:
//   rho(m) = sum_i sum_c coefficient[i][c] D_c W(m - u_i).
// Along z every mesh row of a stencil is sum_k C_k w^(k), with C_k the sum over the components that derive k
// times along z.
//
// Two kernels with the same result: SpreadTiles adds up a tile in shared memory and writes every point of its
// window once: for many atoms per tile. SpreadDirect adds every point of every stencil to the mesh in global
// memory, consecutive threads along z: for few atoms.
#pragma once

#include <cmath>

#include "pme/cuda/component_powers.h"
#include "pme/cuda/fixed_point.h"
#include "pme/cuda/sites.h"

namespace hotpp::pme::cuda {

HOTPP_DEVICE inline int to_word(float value, int*) {
#ifdef __CUDA_ARCH__
  return __float2int_rn(value);
#else
  return std::abs(value) < 2147483648.0f ? static_cast<int>(std::nearbyint(value)) : 0;
#endif
}
HOTPP_DEVICE inline long long to_word(double value, long long*) {
#ifdef __CUDA_ARCH__
  return __double2ll_rn(value);
#else
  return std::abs(value) < 9223372036854775808.0 ? static_cast<long long>(std::nearbyint(value)) : 0;
#endif
}

/// A batch of atoms in shared memory.
template <class Real, int P, int R, int Atoms>
struct SpreadBatch {
  static constexpr int columns = components(R);

  AxisWeights<Real, P, R> weights[Atoms][3];
  Real coefficients[Atoms][columns];  ///< times the scale of the mesh
  int first[Atoms][3];                ///< in the window of the tile

  /// One item of a phase of 3 items per atom.
  HOTPP_DEVICE void load(int item, const Site<Real>* sites, const Real* given, Real scale, int tile,
                         const Layout& layout) {
    const int atom = item / 3, axis = item % 3;
    weights[atom][axis].set(sites[atom].offset[axis]);
    first[atom][axis] = sites[atom].first[axis] - layout.tile_origin(tile, axis);
    for (int c = axis; c < columns; c += 3) coefficients[atom][c] = scale * given[atom * columns + c];
  }

  /// C_k of row (lx, ly) of an atom.
  HOTPP_DEVICE void row_factors(int atom, int lx, int ly, Real* factors) const {
    HOTPP_UNROLL for (int k = 0; k <= R; ++k) factors[k] = 0;
    HOTPP_UNROLL for (int c = 0; c < columns; ++c) factors[power(c, 2)] +=
        coefficients[atom][c] * weights[atom][0].w[power(c, 0)][lx] * weights[atom][1].w[power(c, 1)][ly];
  }
  HOTPP_DEVICE Real point(int atom, const Real* factors, int lz) const {
    Real value = 0;
    HOTPP_UNROLL for (int k = 0; k <= R; ++k) value += factors[k] * weights[atom][2].w[k][lz];
    return value;
  }
};

/// One block per tile; atoms sorted by tile.
template <class Real, int P, int R>
struct SpreadTiles {
  using Word = typename FixedPoint<Real>::Word;
  static constexpr int threads = 256, batch = 32, columns = components(R);

  Layout layout;
  const State* state;
  const int* begins;
  const Site<Real>* sites;
  const Real* coefficients;  ///< [n, components(R)]
  Word* mesh;

  struct Shared {
    SpreadBatch<Real, P, R, batch> atoms;
    Word window[Window<P>::size];
  };
  static std::size_t shared_bytes() { return sizeof(Shared); }
  int grid() const { return layout.tile_count(); }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const int begin = begins[block.index()], end = begins[block.index() + 1];
    if (begin == end) return;
    Shared& shared = *static_cast<Shared*>(block.shared());
    Word* const window = shared.window;
    constexpr int row = Window<P>::row, plane = Window<P>::plane, size = Window<P>::size;
    const Real scale = fixed_point_scale<Real>(*state);
    block.each(size, [&](int i) { window[i] = 0; });
    for (int base = begin; base < end; base += batch) {
      const int m = minimum_of(batch, end - base);
      block.each(3 * m, [&](int item) {
        shared.atoms.load(item, sites + base, coefficients + columns * static_cast<long long>(base), scale,
                          block.index(), layout);
      });
      block.each(m * P * P, [&](int item) {
        const int atom = item / (P * P), lx = item / P % P, ly = item % P;
        const int* const first = shared.atoms.first[atom];
        Real factors[R + 1];
        shared.atoms.row_factors(atom, lx, ly, factors);
        Word* const points = window + (first[0] + lx) * plane + (first[1] + ly) * row + first[2];
        HOTPP_UNROLL for (int lz = 0; lz < P; ++lz) Block::add(
            points + lz, to_word(shared.atoms.point(atom, factors, lz), static_cast<Word*>(nullptr)));
      });
    }
    const int x0 = layout.tile_origin(block.index(), 0), y0 = layout.tile_origin(block.index(), 1),
              z0 = layout.tile_origin(block.index(), 2);
    block.each(size, [&](int i) {
      const Word value = window[i];
      if (value == 0) return;
      const int x = layout.wrap(0, x0 + i / plane), y = layout.wrap(1, y0 + i / row % Window<P>::y),
                z = layout.wrap(2, z0 + i % row);
      Block::add(mesh + (x * layout.points[1] + y) * layout.row + z, value);
    });
  }
};

/// A few atoms per block, in any order.
template <class Real, int P, int R>
struct SpreadDirect {
  using Word = typename FixedPoint<Real>::Word;
  static constexpr int threads = 128, batch = 8, columns = components(R);

  Layout layout;
  const Step* step;
  const State* state;
  const Site<Real>* sites;
  const Real* coefficients;  ///< [n, components(R)]
  Word* mesh;

  using Shared = SpreadBatch<Real, P, R, batch>;
  static std::size_t shared_bytes() { return sizeof(Shared); }
  static int grid(int capacity) { return (capacity + batch - 1) / batch; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const int base = block.index() * batch, m = minimum_of(batch, step->atoms.n - base);
    if (m <= 0) return;
    Shared& atoms = *static_cast<Shared*>(block.shared());
    const Real scale = fixed_point_scale<Real>(*state);
    block.each(3 * m, [&](int item) {
      atoms.load(item, sites + base, coefficients + columns * static_cast<long long>(base), scale, 0, layout);
    });
    block.each(m * P * P * P, [&](int item) {
      const int atom = item / (P * P * P), lx = item / (P * P) % P, ly = item / P % P, lz = item % P;
      Real factors[R + 1];
      atoms.row_factors(atom, lx, ly, factors);
      const int x = layout.wrap(0, atoms.first[atom][0] + lx), y = layout.wrap(1, atoms.first[atom][1] + ly),
                z = layout.wrap(2, atoms.first[atom][2] + lz);
      Block::add(mesh + (x * layout.points[1] + y) * layout.row + z,
                 to_word(atoms.point(atom, factors, lz), static_cast<Word*>(nullptr)));
    });
  }
};

}  // namespace hotpp::pme::cuda
