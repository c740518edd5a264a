// SPDX-License-Identifier: GPL-2.0-or-later
// Potential of the mesh and its derivatives up to rank R at the atoms, the adjoint of spread.
//
// A thread per atom and column z of its stencil sums over x and y, s_ij with the i-th and j-th derivatives of
// the weights along x and y; neighbouring threads read neighbouring mesh points. Then a thread per atom and
// component sums along z. GatherTiles first brings the window of its tile to shared memory (many atoms per
// tile), GatherDirect reads the mesh. What becomes of the derivatives says the Epilogue.
#pragma once

#include "pme/cuda/component_powers.h"
#include "pme/cuda/sites.h"

namespace hotpp::pme::cuda {

template <class Real, int P, int R, int Atoms>
struct GatherBatch {
  static constexpr int columns = components(R);

  AxisWeights<Real, P, R> weights[Atoms][3];
  Real sums[Atoms][pairs(R)][P];
  Real results[Atoms][columns];
  int first[Atoms][3];  ///< in the window of the tile

  HOTPP_DEVICE void load(int item, const Site<Real>* sites, int tile, const Layout& layout) {
    const int atom = item / 3, axis = item % 3;
    weights[atom][axis].set(sites[atom].offset[axis]);
    first[atom][axis] = sites[atom].first[axis] - layout.tile_origin(tile, axis);
  }

  /// value(lx, ly): mesh point of this column of the atom.
  template <class F>
  HOTPP_DEVICE void sum_column(int atom, int lz, const F& value) {
    const AxisWeights<Real, P, R>&x = weights[atom][0], &y = weights[atom][1];
    Real s[pairs(R)] = {};
    for (int lx = 0; lx < P; ++lx) {
      Real row[R + 1] = {};  // the plane summed with y, y', ...
      HOTPP_UNROLL for (int ly = 0; ly < P; ++ly) {
        const Real v = value(lx, ly);
        HOTPP_UNROLL for (int j = 0; j <= R; ++j) row[j] += y.w[j][ly] * v;
      }
      HOTPP_UNROLL for (int j = 0; j <= R; ++j) {
        HOTPP_UNROLL for (int i = 0; i + j <= R; ++i) s[pair_index(i, j)] += x.w[i][lx] * row[j];
      }
    }
    HOTPP_UNROLL for (int p = 0; p < pairs(R); ++p) sums[atom][p][lz] = s[p];
  }

  HOTPP_DEVICE void contract(int atom, int c) {
    const Real* const z = weights[atom][2].w[power(c, 2)];
    const Real* const s = sums[atom][pair_index(power(c, 0), power(c, 1))];
    Real sum = 0;
    HOTPP_UNROLL for (int lz = 0; lz < P; ++lz) sum += s[lz] * z[lz];
    results[atom][c] = sum;
  }
};

/// One block per tile; atoms sorted by tile.
template <class Real, int P, int R, class Epilogue>
struct GatherTiles {
  static constexpr int batch = 32, threads = batch * P, columns = components(R);

  Layout layout;
  const int* begins;
  const Site<Real>* sites;
  const Real* mesh;
  Epilogue epilogue;

  struct Shared {
    GatherBatch<Real, P, R, batch> atoms;
    Real window[Window<P>::size];
  };
  static std::size_t shared_bytes() { return sizeof(Shared); }
  int grid() const { return layout.tile_count(); }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const int begin = begins[block.index()], end = begins[block.index() + 1];
    if (begin == end) return;
    Shared& shared = *static_cast<Shared*>(block.shared());
    Real* const window = shared.window;
    constexpr int row = Window<P>::row, plane = Window<P>::plane;
    const int x0 = layout.tile_origin(block.index(), 0), y0 = layout.tile_origin(block.index(), 1),
              z0 = layout.tile_origin(block.index(), 2);
    block.each(Window<P>::size, [&](int i) {
      const int x = layout.wrap(0, x0 + i / plane), y = layout.wrap(1, y0 + i / row % Window<P>::y),
                z = layout.wrap(2, z0 + i % row);
      // a tile larger than what is left of the mesh: no atom reads there
      const bool inside = x < layout.points[0] && y < layout.points[1] && z < layout.points[2];
      window[i] = inside ? mesh[(x * layout.points[1] + y) * layout.row + z] : Real(0);
    });
    for (int base = begin; base < end; base += batch) {
      const int m = minimum_of(batch, end - base);
      block.each(3 * m, [&](int item) { shared.atoms.load(item, sites + base, block.index(), layout); });
      block.each(m * P, [&](int item) {
        const int atom = item / P, lz = item % P;
        const int* const first = shared.atoms.first[atom];
        const Real* const column = window + first[0] * plane + first[1] * row + first[2] + lz;
        shared.atoms.sum_column(atom, lz, [&](int lx, int ly) { return column[lx * plane + ly * row]; });
      });
      block.each(m * columns, [&](int item) { shared.atoms.contract(item / columns, item % columns); });
      block.each(m, [&](int atom) {
        epilogue(base + atom, sites[base + atom].original, shared.atoms.results[atom]);
      });
    }
  }
};

/// A few atoms per block, in any order.
template <class Real, int P, int R, class Epilogue>
struct GatherDirect {
  static constexpr int batch = 16, threads = batch * P;

  Layout layout;
  const Step* step;
  const Site<Real>* sites;
  const Real* mesh;
  Epilogue epilogue;

  using Shared = GatherBatch<Real, P, R, batch>;
  static std::size_t shared_bytes() { return sizeof(Shared); }
  static int grid(int capacity) { return (capacity + batch - 1) / batch; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const int base = block.index() * batch, m = minimum_of(batch, step->atoms.n - base);
    if (m <= 0) return;
    Shared& atoms = *static_cast<Shared*>(block.shared());
    block.each(3 * m, [&](int item) { atoms.load(item, sites + base, 0, layout); });
    block.each(m * P, [&](int item) {
      const int atom = item / P, lz = item % P;
      const int* const first = atoms.first[atom];
      const Real* const column = mesh + layout.wrap(2, first[2] + lz);
      atoms.sum_column(atom, lz, [&](int lx, int ly) {
        return column[(layout.wrap(0, first[0] + lx) * layout.points[1] + layout.wrap(1, first[1] + ly)) *
                      layout.row];
      });
    });
    block.each(m * Shared::columns,
               [&](int item) { atoms.contract(item / Shared::columns, item % Shared::columns); });
    block.each(m, [&](int atom) { epilogue(base + atom, sites[base + atom].original, atoms.results[atom]); });
  }
};

}  // namespace hotpp::pme::cuda
