// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the forward and the backward kernel of atom_update share: a block of threads has some atoms, whose
// activations lie in shared memory from the first step to the last, rows of channels padded to whole Quads
// and apart from each other by an odd number of these, so that threads with different rows meet in different
// banks. Padding holds what nothing reads.
#pragma once

#include <cmath>
#include <type_traits>

#include "ops/atom_update_kernels.h"
#include "ops/device/message_kernels.h"
#include "ops/device/update_tile.h"

namespace hotpp::ops::device {

/// Rows in shared memory: [atom], [atom, 3], [atom, 6].
template <class Real>
struct SharedRows {
  Real *s, *v, *t;
};

template <int N>
using Number = std::integral_constant<int, N>;

/// Rows and columns of the six stored components of a symmetric tensor: xx yy zz yz xz xy.
HOTPP_HOST_DEVICE constexpr int tensor_row(int a) { return a < 3 ? a : a == 3 ? 1 : 0; }
HOTPP_HOST_DEVICE constexpr int tensor_column(int a) { return a < 3 ? a : a == 5 ? 1 : 2; }
/// Where component (i, j) is stored.
HOTPP_HOST_DEVICE constexpr int tensor_place(int i, int j) { return i == j ? i : 6 - i - j; }

template <int Rank, class Real>
struct UpdateBlock {
  static constexpr int threads = 256;
  static constexpr int components = Rank == 0 ? 1 : Rank == 1 ? 4 : 10;

  UpdateJob<Real> job;
  Real* kept;      // [n, job.planes.count, C]; forward: null if no gradient will be wanted
  std::int64_t n;  // atoms
  int atoms;       // of a block of threads: a multiple of four

  std::int64_t grid() const { return blocks_for(n, atoms); }

 protected:
  HOTPP_HOST_DEVICE int groups() const { return (job.channels + 3) / 4; }
  /// From one row in shared memory to the next.
  HOTPP_HOST_DEVICE int stride() const { return 4 * (groups() | 1); }
  std::size_t bytes_of(int rows_per_atom) const {
    return sizeof(Real) * static_cast<std::size_t>(rows_per_atom) * atoms * stride();
  }

  HOTPP_DEVICE SharedRows<Real> take(Real*& memory) const {
    const int plane = atoms * stride();
    const SharedRows<Real> rows{memory, memory + plane, memory + 4 * plane};
    memory += components * plane;
    return rows;
  }
  HOTPP_DEVICE Real* take_plane(Real*& memory) const {
    Real* const first = memory;
    memory += atoms * stride();
    return first;
  }

  HOTPP_DEVICE Real* row(Real* rows, int index) const { return rows + index * stride(); }
  HOTPP_DEVICE Quad<Real>& at(Real* rows, int index, int c) const {
    return quad(rows + index * stride() + c);
  }

  // ---------------------------------------------------------------- global memory, channels c ... c + 3

  /// Rows of channels are aligned when they are whole Quads: the arrays are (update_operators.cpp).
  HOTPP_DEVICE Quad<Real> load(const Real* row, int c) const {
    return job.channels % 4 == 0 ? quad(row + c) : some(row + c, job.channels - c);
  }
  HOTPP_DEVICE void store(Real* row, int c, const Quad<Real>& value) const {
    if (job.channels % 4 == 0) {
      quad(row + c) = value;
      return;
    }
    HOTPP_UNROLL
    for (int j = 0; j < 4; ++j)
      if (c + j < job.channels) row[c + j] = value.x[j];
  }
  /// Row `component` of an atom in an array [n, per_atom, C].
  template <class Number>
  HOTPP_DEVICE Number* row_of(Number* array, std::int64_t atom, int per_atom, int component) const {
    return array + (atom * per_atom + component) * job.channels;
  }
  HOTPP_DEVICE Quad<Real> load_kept(int plane, std::int64_t atom, int c) const {
    return load(row_of(kept, atom, job.planes.count, plane), c);
  }
  HOTPP_DEVICE void keep(int plane, std::int64_t atom, int c, const Quad<Real>& value) const {
    if (kept) store(row_of(kept, atom, job.planes.count, plane), c, value);
  }
  /// Of the layer before, in whose place there are zeros where it had fewer components.
  HOTPP_DEVICE Quad<Real> old_feature(std::int64_t atom, int component, int c) const {
    return component < job.feature_components
               ? load(row_of(job.features, atom, job.feature_components, component), c)
               : Quad<Real>{};
  }
  HOTPP_DEVICE Quad<Real> bias(std::int64_t offset, int c) const { return quad(job.weights + offset + c); }

  /// Number `column` of the element of an atom. A species that does not exist is not looked for beforehand,
  /// since that would wait for the device: its results are NaN.
  HOTPP_DEVICE Real element(std::int64_t atom, int column) const {
    const std::int64_t species = job.species[atom];
    if (species < 0 || species >= job.n_elements) return static_cast<Real>(NAN);
    return job.elements[species * (job.channels + 2) + column];
  }
  HOTPP_DEVICE Quad<Real> factor(std::int64_t atom, int c) const {
    Quad<Real> a;
    HOTPP_UNROLL
    for (int j = 0; j < 4; ++j) a.x[j] = element(atom, c + j < job.channels ? c + j : job.channels - 1);
    return a;
  }

  /// Rows [n, components, C] of the block's atoms to shared memory; those of its last atom once more where
  /// the block has room for more atoms than there are left.
  template <class Block>
  HOTPP_DEVICE void load_rows(Block& block, const Real* from, std::int64_t first, int count,
                              const SharedRows<Real>& to) const {
    const int channels = job.channels;
    block.each(atoms * components * channels, [&](int item) {
      const int c = item % channels, component = item / channels % components,
                atom = item / channels / components;
      const std::int64_t source = first + (atom < count ? atom : count - 1);
      Real* const target = component == 0  ? row(to.s, atom)
                           : component < 4 ? row(to.v, 3 * atom + component - 1)
                                           : row(to.t, 6 * atom + component - 4);
      target[c] = from[(source * components + component) * channels + c];
    });
  }

  // ---------------------------------------------------------------- work shared out among the threads

  /// Items of tiles of `each` atoms.
  HOTPP_DEVICE int items(int each) const { return atoms / each * groups(); }

  /// Calls f(components, atoms of a tile, first atom, c): a tile for every rank, group of atoms and channels.
  HOTPP_DEVICE int rank_items() const {
    return (Rank >= 2 ? items(2) : 0) + (Rank >= 1 ? items(4) : 0) + items(4);
  }
  template <class F>
  HOTPP_DEVICE void by_rank(int item, const F& f) const {
    int unit = item / groups();
    const int c = 4 * (item % groups());
    if constexpr (Rank >= 2) {
      if (unit < atoms / 2) return f(Number<6>{}, Number<2>{}, 2 * unit, c);
      unit -= atoms / 2;
    }
    if constexpr (Rank >= 1) {
      if (unit < atoms / 4) return f(Number<3>{}, Number<4>{}, 4 * unit, c);
      unit -= atoms / 4;
    }
    f(Number<1>{}, Number<4>{}, 4 * unit, c);
  }

  /// tile += rows from `first` on · matrix.
  template <int Rows, int Matrices>
  HOTPP_DEVICE void multiply(Tile<Rows, Real, Matrices>& tile, const Real* rows, int first,
                             std::int64_t matrix, int c) const {
    const int step = stride();
    const Real* const begin = rows + first * step;
    tile.add(job.weights + matrix + c, matrix_size(), job.row, job.channels,
             [&](int r, int k) { return quad(begin + r * step + k); });
  }
  HOTPP_DEVICE std::int64_t matrix_size() const { return static_cast<std::int64_t>(job.channels) * job.row; }

  /// A tile of channel mixing: one matrix per rank, `matrix` is the first.
  template <class Per, class Count>
  HOTPP_DEVICE Tile<Per::value * Count::value, Real> mix(Per, Count, const SharedRows<Real>& in,
                                                         std::int64_t matrix, int atom, int c) const {
    Tile<Per::value * Count::value, Real> tile;
    constexpr int rank = Per::value / 3;
    multiply(tile,
             rank == 0   ? in.s
             : rank == 1 ? in.v
                         : in.t,
             Per::value * atom, matrix + rank * matrix_size(), c);
    return tile;
  }

  /// Channel mixing of all rows in shared memory to an array [n, components, C].
  template <class Block>
  HOTPP_DEVICE void mix_to(Block& block, const SharedRows<Real>& in, std::int64_t matrix, std::int64_t first,
                           int count, Real* to) const {
    block.each(rank_items(), [&](int item) {
      by_rank(item, [&](auto per, auto number, int atom, int c) {
        const auto tile = mix(per, number, in, matrix, atom, c);
        constexpr int rows = decltype(per)::value, begin = rows == 1 ? 0 : rows == 3 ? 1 : 4;
        HOTPP_UNROLL
        for (int r = 0; r < rows * decltype(number)::value; ++r)
          if (atom + r / rows < count)
            store(row_of(to, first + atom + r / rows, components, begin + r % rows), c, tile.sum[r]);
      });
    });
  }
};

}  // namespace hotpp::ops::device
