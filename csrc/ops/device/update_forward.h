// SPDX-License-Identifier: GPL-2.0-or-later
//
// The forward pass of atom_update as one kernel, in the form of pme/cuda/block.h. Symbols as in
// python/hotpp_lr/model/update.py: the mixed message m = (s, v, T), components of T in the order xx yy zz yz
// xz xy. Every number belongs to one thread and every sum has one order: the same bits every time, for any
// number of atoms in a block.
#pragma once

#include "ops/device/update_block.h"

namespace hotpp::ops::device {

template <int Rank, class Real>
struct UpdateForward : UpdateBlock<Rank, Real> {
  using Base = UpdateBlock<Rank, Real>;
  using Base::atoms;
  using Base::components;
  using Base::job;
  using Base::kept;
  using Base::n;

  std::size_t shared_bytes() const { return this->bytes_of(2 * components + 5); }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Pass pass = begin(static_cast<Real*>(block.shared()), static_cast<std::int64_t>(block.index()) * atoms);
    this->load_rows(block, job.messages, pass.first, pass.count, pass.h);
    block.each(this->rank_items(), [&](int item) {
      this->by_rank(item, [&](auto per, auto number, int atom, int c) { mix(pass, per, number, atom, c); });
    });
    const int pairs = this->items(2);
    block.each(pairs, [&](int item) { activate(pass, item); });
    const bool vectors = job.at.vector >= 0, tensors = job.at.tensor >= 0;
    block.each(3 * pairs, [&](int item) {
      const int what = item / pairs, pair = item % pairs;
      if (what == 0 && vectors)
        gate(pass, pair, job.at.vector_gate, job.at.vector_gate_bias, 0, job.planes.vector_gate);
      if (what == 1 && tensors)
        gate(pass, pair, job.at.tensor_gate, job.at.tensor_gate_bias, 1, job.planes.tensor_gate);
      if (what == 2 && job.dipoles) hide_dipoles(pass, pair);
    });
    const int of_tensors = tensors ? this->items(1) : 0, of_vectors = vectors ? pairs : 0;
    block.each(of_tensors + of_vectors + 3 * pairs, [&](int item) {
      if constexpr (Rank >= 2) {
        if (item < of_tensors) return update_tensors(pass, item);
      }
      item -= of_tensors;
      if constexpr (Rank >= 1) {
        if (item < of_vectors) return update_vectors(pass, item);
      }
      item -= of_vectors;
      const int what = item / pairs, pair = item % pairs;
      if (what == 0)
        hide(pass, pair, job.at.energy, job.at.energy_bias, job.at.energy_out, pass.energy,
             job.planes.energy_slope);
      if (what == 1 && job.charges)
        hide(pass, pair, job.at.charge, job.at.charge_bias, job.at.charge_out, pass.charge,
             job.planes.charge_slope);
      if (what == 2 && job.dipoles) gate_dipoles(pass, pair);
    });
    block.each(5 * atoms, [&](int item) { read_out(pass, item % atoms, item / atoms); });
    if (!job.last) this->mix_to(block, pass.h, job.at.next_mix, pass.first, pass.count, job.sent);
  }

 private:
  struct Pass {
    std::int64_t first;  // atom
    int count;           // atoms that there are
    SharedRows<Real> h;  // the messages, later the new features
    SharedRows<Real> m;
    // The new scalars before SiLU; |v|² and |T|², later the gates of vectors and tensors (or, in the last
    // layer, SiLU of the hidden values of the dipoles).
    Real *activation, *squares[2];
    Real *energy, *charge, *dipole;  // terms of the heads' sums over channels; dipole: out · gate
  };

  HOTPP_DEVICE Pass begin(Real* memory, std::int64_t first) const {
    Pass pass;
    pass.first = first;
    pass.count = share(n, first, atoms);
    pass.h = this->take(memory);
    pass.m = this->take(memory);
    pass.energy = pass.activation = this->take_plane(memory);  // the gates are done before the energy
    for (Real*& plane : pass.squares) plane = this->take_plane(memory);
    pass.charge = this->take_plane(memory);
    pass.dipole = this->take_plane(memory);
    return pass;
  }

  // Whether an atom of the block exists, and its number; others are the last one once more.
  HOTPP_DEVICE std::int64_t number(const Pass& pass, int atom) const {
    return pass.first + (atom < pass.count ? atom : pass.count - 1);
  }

  /// m = factor of the element · W message, |v|² and |T|².
  template <class Per, class Count>
  HOTPP_DEVICE void mix(const Pass& pass, Per per, Count number_of_atoms, int first, int c) const {
    constexpr int rows = Per::value;
    const auto tile = Base::mix(per, number_of_atoms, pass.h, job.at.mix, first, c);
    const int plane = rows == 1 ? job.planes.scalars : rows == 3 ? job.planes.vectors : job.planes.tensors;
    Real* const target = rows == 1 ? pass.m.s : rows == 3 ? pass.m.v : pass.m.t;
    HOTPP_UNROLL
    for (int j = 0; j < Count::value; ++j) {
      const int atom = first + j;
      const Quad<Real> factor = this->factor(number(pass, atom), c);
      Quad<Real> squared{};
      HOTPP_UNROLL
      for (int a = 0; a < rows; ++a) {
        const Quad<Real> m = factor * tile.sum[j * rows + a];
        this->at(target, rows * atom + a, c) = m;
        squared += Real(a < 3 ? 1 : 2) * (m * m);
        if (atom < pass.count) this->keep(plane + a, pass.first + atom, c, m);
      }
      if (rows > 1) this->at(pass.squares[rows == 6], atom, c) = squared;
    }
  }

  /// The new scalars.
  HOTPP_DEVICE void activate(const Pass& pass, int pair) const {
    const int first = 2 * (pair / this->groups()), c = 4 * (pair % this->groups());
    Tile<2, Real> tile(this->bias(job.at.scalar_bias, c));
    this->multiply(tile, pass.m.s, first, job.at.scalar, c);
    if constexpr (Rank >= 1)
      this->multiply(tile, pass.squares[0], first, job.at.scalar + this->matrix_size(), c);
    if constexpr (Rank >= 2)
      this->multiply(tile, pass.squares[1], first, job.at.scalar + 2 * this->matrix_size(), c);
    HOTPP_UNROLL
    for (int j = 0; j < 2; ++j) {
      const int atom = first + j;
      const Silu<Real> silu(tile.sum[j]);
      this->at(pass.activation, atom, c) = tile.sum[j];
      new_feature(pass, atom, 0, c, pass.h.s, atom, silu.value);
      if (atom < pass.count) this->keep(job.planes.silu_slope, pass.first + atom, c, silu.slope);
    }
  }

  /// new = update + old, to shared memory and to the results.
  HOTPP_DEVICE void new_feature(const Pass& pass, int atom, int component, int c, Real* rows, int index,
                                const Quad<Real>& update) const {
    const Quad<Real> value = update + this->old_feature(number(pass, atom), component, c);
    this->at(rows, index, c) = value;
    if (job.new_features && atom < pass.count)
      this->store(this->row_of(job.new_features, pass.first + atom, components, component), c, value);
  }

  HOTPP_DEVICE void gate(const Pass& pass, int pair, std::int64_t matrix, std::int64_t bias, int which,
                         int plane) const {
    const int first = 2 * (pair / this->groups()), c = 4 * (pair % this->groups());
    Tile<2, Real> tile(this->bias(bias, c));
    this->multiply(tile, pass.activation, first, matrix, c);
    HOTPP_UNROLL
    for (int j = 0; j < 2; ++j) {
      const Quad<Real> gate = logistic(tile.sum[j]);
      this->at(pass.squares[which], first + j, c) = gate;
      if (first + j < pass.count) this->keep(plane, pass.first + first + j, c, gate);
    }
  }

  HOTPP_DEVICE void hide_dipoles(const Pass& pass, int pair) const {
    const int first = 2 * (pair / this->groups()), c = 4 * (pair % this->groups());
    Tile<2, Real> tile(this->bias(job.at.dipole_bias, c));
    this->multiply(tile, pass.h.s, first, job.at.dipole, c);
    HOTPP_UNROLL
    for (int j = 0; j < 2; ++j) {
      const Silu<Real> silu(tile.sum[j]);
      this->at(pass.squares[1], first + j, c) = silu.value;
      if (first + j < pass.count) this->keep(job.planes.dipole_slope, pass.first + first + j, c, silu.slope);
    }
  }

  HOTPP_DEVICE void gate_dipoles(const Pass& pass, int pair) const {
    const int first = 2 * (pair / this->groups()), c = 4 * (pair % this->groups());
    Tile<2, Real> tile(this->bias(job.at.dipole_gate_bias, c));
    this->multiply(tile, pass.squares[1], first, job.at.dipole_gate, c);
    const Quad<Real> out = quad(job.weights + job.at.dipole_out + c);
    HOTPP_UNROLL
    for (int j = 0; j < 2; ++j) {
      const Quad<Real> gate = logistic(tile.sum[j]);
      this->at(pass.dipole, first + j, c) = out * gate;
      if (first + j < pass.count) this->keep(job.planes.dipole_gate, pass.first + first + j, c, gate);
    }
  }

  /// Terms out_c SiLU(hidden_c) of a head.
  HOTPP_DEVICE void hide(const Pass& pass, int pair, std::int64_t matrix, std::int64_t bias, std::int64_t out,
                         Real* terms, int plane) const {
    const int first = 2 * (pair / this->groups()), c = 4 * (pair % this->groups());
    Tile<2, Real> tile(this->bias(bias, c));
    this->multiply(tile, pass.h.s, first, matrix, c);
    const Quad<Real> weight = quad(job.weights + out + c);
    HOTPP_UNROLL
    for (int j = 0; j < 2; ++j) {
      const Silu<Real> silu(tile.sum[j]);
      this->at(terms, first + j, c) = weight * silu.value;
      if (first + j < pass.count) this->keep(plane, pass.first + first + j, c, weight * silu.slope);
    }
  }

  /// The new tensors of one atom: gate · (T, s T, v⊗v) W.
  HOTPP_DEVICE void update_tensors(const Pass& pass, int item) const {
    const int atom = item / this->groups(), c = 4 * (item % this->groups());
    const int stride = this->stride();
    const Real *const s = this->row(pass.m.s, atom), *const v = this->row(pass.m.v, 3 * atom),
                      *const t = this->row(pass.m.t, 6 * atom);
    const Real* matrix = job.weights + job.at.tensor + c;
    Tile<6, Real> tile;
    tile.add(matrix, 0, job.row, job.channels, [&](int a, int k) { return quad(t + a * stride + k); });
    if (job.many_body) {
      matrix += this->matrix_size();
      tile.add(matrix, 0, job.row, job.channels,
               [&](int a, int k) { return quad(s + k) * quad(t + a * stride + k); });
      matrix += this->matrix_size();
      tile.add(matrix, 0, job.row, job.channels, [&](int a, int k) {
        return quad(v + tensor_row(a) * stride + k) * quad(v + tensor_column(a) * stride + k);
      });
    }
    const Quad<Real> gate = this->at(pass.squares[1], atom, c);
    HOTPP_UNROLL
    for (int a = 0; a < 6; ++a) new_feature(pass, atom, 4 + a, c, pass.h.t, 6 * atom + a, gate * tile.sum[a]);
  }

  /// The new vectors of two atoms: gate · (v, s v, T·v) W.
  HOTPP_DEVICE void update_vectors(const Pass& pass, int item) const {
    const int first = 2 * (item / this->groups()), c = 4 * (item % this->groups());
    const int stride = this->stride();
    const Real *const s = this->row(pass.m.s, first), *const v = this->row(pass.m.v, 3 * first),
                      *const t = this->row(pass.m.t, 6 * first);
    const Real* matrix = job.weights + job.at.vector + c;
    Tile<6, Real> tile;
    tile.add(matrix, 0, job.row, job.channels, [&](int r, int k) { return quad(v + r * stride + k); });
    if (job.many_body) {
      matrix += this->matrix_size();
      tile.add(matrix, 0, job.row, job.channels,
               [&](int r, int k) { return quad(s + r / 3 * stride + k) * quad(v + r * stride + k); });
      if constexpr (Rank >= 2) {
        matrix += this->matrix_size();
        tile.add(matrix, 0, job.row, job.channels, [&](int r, int k) {
          Quad<Real> sum{};
          HOTPP_UNROLL
          for (int j = 0; j < 3; ++j)
            sum += quad(t + (6 * (r / 3) + tensor_place(r % 3, j)) * stride + k) *
                   quad(v + (3 * (r / 3) + j) * stride + k);
          return sum;
        });
      }
    }
    HOTPP_UNROLL
    for (int r = 0; r < 6; ++r) {
      const int atom = first + r / 3;
      const Quad<Real> gate = this->at(pass.squares[0], atom, c);
      new_feature(pass, atom, 1 + r % 3, c, pass.h.v, 3 * first + r, gate * tile.sum[r]);
      if (job.dipoles && atom < pass.count)
        this->keep(job.planes.new_vectors + r % 3, pass.first + atom, c,
                   this->at(pass.h.v, 3 * first + r, c));
    }
  }

  /// Sums over channels: energy, charge, and the components of the dipole.
  HOTPP_DEVICE void read_out(const Pass& pass, int atom, int which) const {
    if (atom >= pass.count || (which == 1 && !job.charges) || (which >= 2 && !job.dipoles)) return;
    Real sum = 0;
    if (which < 2) {
      const Real* const terms = this->row(which == 0 ? pass.energy : pass.charge, atom);
      for (int c = 0; c < job.channels; ++c) sum += terms[c];
      (which == 0 ? job.energies : job.charge)[pass.first + atom] =
          sum + this->element(pass.first + atom, job.channels + which);
    } else {
      const Real *const weights = this->row(pass.dipole, atom), *const v =
                                                                    this->row(pass.h.v, 3 * atom + which - 2);
      for (int c = 0; c < job.channels; ++c) sum += weights[c] * v[c];
      job.dipole[(pass.first + atom) * 3 + which - 2] = sum;
    }
  }
};

}  // namespace hotpp::ops::device
