// SPDX-License-Identifier: GPL-2.0-or-later
//
// The backward pass of atom_update as one kernel: gradients by messages and features of a linear function of
// the results, with what the forward pass left. Weights are constants here. The six stored components of a
// symmetric tensor are six independent numbers, as they are to autograd.
#pragma once

#include "ops/device/update_block.h"

namespace hotpp::ops::device {

template <int Rank, class Real>
struct UpdateBackward : UpdateBlock<Rank, Real> {
  using Base = UpdateBlock<Rank, Real>;
  using Base::atoms;
  using Base::components;
  using Base::job;
  using Base::n;

  std::size_t shared_bytes() const { return this->bytes_of(2 * components + 3); }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Pass pass = begin(static_cast<Real*>(block.shared()), static_cast<std::int64_t>(block.index()) * atoms);
    const int pairs = this->items(2);
    if (job.by_sent) this->load_rows(block, job.by_sent, pass.first, pass.count, pass.x);
    block.each(this->items(1), [&](int item) { through_heads(pass, item); });
    if constexpr (Rank >= 1) {
      if (job.by_dipole) block.each(pairs, [&](int item) { through_dipole_gate(pass, item); });
    }
    block.each(this->rank_items(), [&](int item) {
      this->by_rank(
          item, [&](auto per, auto number, int atom, int c) { by_new_features(pass, per, number, atom, c); });
    });
    if (!job.messages_gradient) return;
    const int of_tensors = job.at.tensor >= 0 ? this->items(1) : 0;
    block.each(of_tensors + pairs, [&](int item) {
      if constexpr (Rank >= 2) {
        if (item < of_tensors) return through_tensor_products(pass, item);
      }
      by_activation(pass, item - of_tensors);
    });
    block.each(pairs, [&](int item) {
      through_vector_products(pass, item);
      through_squares(pass, item);
    });
    this->mix_to(block, pass.x, transposed(job.at.mix), pass.first, pass.count, job.messages_gradient);
  }

 private:
  struct Pass {
    std::int64_t first;  // atom
    int count;           // atoms that there are
    SharedRows<Real> x;  // by what was sent, later by the mixed messages
    SharedRows<Real> y;  // by the scalars before SiLU, by vectors and tensors before their gates
    Real* energy;        // by the hidden values of the energy head; later by the scalars before SiLU
    Real* gates[2];      // by the gates of vectors and tensors before their logistic function
    // The last layer sends nothing: x has room for what comes back through the other heads.
    Real *charge, *dipole_gate, *dipole;  // by hidden values, by the gate before its logistic function
  };

  HOTPP_DEVICE Pass begin(Real* memory, std::int64_t first) const {
    Pass pass;
    pass.first = first;
    pass.count = share(n, first, atoms);
    pass.x = this->take(memory);
    pass.y = this->take(memory);
    pass.energy = this->take_plane(memory);
    for (Real*& plane : pass.gates) plane = this->take_plane(memory);
    pass.charge = pass.x.s;
    pass.dipole_gate = pass.x.v;
    pass.dipole = this->row(pass.x.v, atoms);
    return pass;
  }

  HOTPP_DEVICE std::int64_t transposed(std::int64_t matrix) const { return matrix + job.at.transposed; }
  HOTPP_DEVICE std::int64_t number(const Pass& pass, int atom) const {
    return pass.first + (atom < pass.count ? atom : pass.count - 1);
  }
  HOTPP_DEVICE Quad<Real> dipole_out(int c) const { return quad(job.weights + job.at.dipole_out + c); }

  HOTPP_DEVICE void through_heads(const Pass& pass, int item) const {
    const int index = item / this->groups(), c = 4 * (item % this->groups());
    const std::int64_t atom = number(pass, index);
    if (job.by_energies)
      this->at(pass.energy, index, c) =
          job.by_energies[atom] * this->load_kept(job.planes.energy_slope, atom, c);
    if (job.by_charge)
      this->at(pass.charge, index, c) =
          job.by_charge[atom] * this->load_kept(job.planes.charge_slope, atom, c);
    if constexpr (Rank >= 1) {
      if (!job.by_dipole) return;
      const Quad<Real> gate = this->load_kept(job.planes.dipole_gate, atom, c);
      Quad<Real> sum{};
      HOTPP_UNROLL
      for (int a = 0; a < 3; ++a)
        sum += job.by_dipole[3 * atom + a] * this->load_kept(job.planes.new_vectors + a, atom, c);
      this->at(pass.dipole_gate, index, c) = dipole_out(c) * (sum * gate * complement(gate));
    }
  }

  HOTPP_DEVICE void through_dipole_gate(const Pass& pass, int pair) const {
    const int first = 2 * (pair / this->groups()), c = 4 * (pair % this->groups());
    Tile<2, Real> tile;
    this->multiply(tile, pass.dipole_gate, first, transposed(job.at.dipole_gate), c);
    HOTPP_UNROLL
    for (int j = 0; j < 2; ++j)
      this->at(pass.dipole, first + j, c) =
          tile.sum[j] * this->load_kept(job.planes.dipole_slope, number(pass, first + j), c);
  }

  /// By the new features, which is also by the old ones; then through SiLU or the gates.
  template <class Per, class Count>
  HOTPP_DEVICE void by_new_features(const Pass& pass, Per per, Count count, int first, int c) const {
    constexpr int rows = Per::value, begin = rows == 1 ? 0 : rows == 3 ? 1 : 4;
    const bool there = rows == 1 || (rows == 3 ? job.at.vector : job.at.tensor) >= 0;
    Tile<rows * Count::value, Real> by;
    if (job.by_sent) by = this->mix(per, count, pass.x, transposed(job.at.next_mix), first, c);
    if constexpr (rows == 1) {
      if (job.by_energies) this->multiply(by, pass.energy, first, transposed(job.at.energy), c);
      if (job.by_charge) this->multiply(by, pass.charge, first, transposed(job.at.charge), c);
      if (job.by_dipole) this->multiply(by, pass.dipole, first, transposed(job.at.dipole), c);
    }
    HOTPP_UNROLL
    for (int j = 0; j < Count::value; ++j) {
      const std::int64_t atom = number(pass, first + j);
      Quad<Real>* const mine = by.sum + j * rows;
      if (job.by_features) {
        HOTPP_UNROLL
        for (int a = 0; a < rows; ++a)
          mine[a] += this->load(this->row_of(job.by_features, atom, components, begin + a), c);
      }
      if constexpr (rows == 3) {
        if (job.by_dipole) {
          const Quad<Real> weight = dipole_out(c) * this->load_kept(job.planes.dipole_gate, atom, c);
          HOTPP_UNROLL
          for (int a = 0; a < 3; ++a) mine[a] = job.by_dipole[3 * atom + a] * weight;
        }
      }
      if (job.features_gradient && begin < job.feature_components && first + j < pass.count) {
        HOTPP_UNROLL
        for (int a = 0; a < rows; ++a)
          this->store(this->row_of(job.features_gradient, atom, job.feature_components, begin + a), c,
                      mine[a]);
      }
      if constexpr (rows == 1)
        this->at(pass.y.s, first + j, c) = mine[0] * this->load_kept(job.planes.silu_slope, atom, c);
      else if (there)
        through_gate<rows>(pass, first + j, c, mine);
    }
  }

  /// new_a = gate · before_a + old_a, so that what passed the gate need not be kept: the gradient by the gate
  /// before its logistic function is (1 - gate) Σ_a by_new_a · (new_a - old_a).
  template <int Rows>
  HOTPP_DEVICE void through_gate(const Pass& pass, int index, int c, const Quad<Real>* by_new) const {
    constexpr int begin = Rows == 3 ? 1 : 4;
    const std::int64_t atom = number(pass, index);
    const Quad<Real> gate =
        this->load_kept(Rows == 3 ? job.planes.vector_gate : job.planes.tensor_gate, atom, c);
    Quad<Real> sum{};
    HOTPP_UNROLL
    for (int a = 0; a < Rows; ++a) {
      const Quad<Real> now = job.last
                                 ? this->load_kept(job.planes.new_vectors + a, atom, c)
                                 : this->load(this->row_of(job.new_features, atom, components, begin + a), c);
      sum += by_new[a] * (now - this->old_feature(atom, begin + a, c));
      this->at(Rows == 3 ? pass.y.v : pass.y.t, Rows * index + a, c) = gate * by_new[a];
    }
    this->at(pass.gates[Rows == 6], index, c) = sum * complement(gate);
  }

  /// By the scalars before SiLU, which the gates read as well.
  HOTPP_DEVICE void by_activation(const Pass& pass, int pair) const {
    const int first = 2 * (pair / this->groups()), c = 4 * (pair % this->groups());
    Tile<2, Real> tile;
    HOTPP_UNROLL
    for (int j = 0; j < 2; ++j) tile.sum[j] = this->at(pass.y.s, first + j, c);
    if (job.at.vector >= 0) this->multiply(tile, pass.gates[0], first, transposed(job.at.vector_gate), c);
    if (job.at.tensor >= 0) this->multiply(tile, pass.gates[1], first, transposed(job.at.tensor_gate), c);
    HOTPP_UNROLL
    for (int j = 0; j < 2; ++j) this->at(pass.energy, first + j, c) = tile.sum[j];
  }

  /// By the mixed messages through T, s T and v⊗v of one atom.
  HOTPP_DEVICE void through_tensor_products(const Pass& pass, int item) const {
    const int index = item / this->groups(), c = 4 * (item % this->groups());
    const std::int64_t atom = number(pass, index);
    if (!job.many_body) {
      Tile<6, Real> by;
      this->multiply(by, pass.y.t, 6 * index, transposed(job.at.tensor), c);
      HOTPP_UNROLL
      for (int a = 0; a < 6; ++a) this->at(pass.x.t, 6 * index + a, c) = by.sum[a];
      HOTPP_UNROLL
      for (int a = 0; a < 3; ++a) this->at(pass.x.v, 3 * index + a, c) = {};
      this->at(pass.x.s, index, c) = {};
      return;
    }
    Tile<6, Real, 3> by;
    this->multiply(by, pass.y.t, 6 * index, transposed(job.at.tensor), c);
    const Quad<Real> s = this->load_kept(job.planes.scalars, atom, c);
    Quad<Real> by_s{};
    HOTPP_UNROLL
    for (int a = 0; a < 6; ++a) {
      by_s += by.sum[6 + a] * this->load_kept(job.planes.tensors + a, atom, c);
      this->at(pass.x.t, 6 * index + a, c) = by.sum[a] + s * by.sum[6 + a];
    }
    this->at(pass.x.s, index, c) = by_s;
    Quad<Real> v[3];
    HOTPP_UNROLL
    for (int a = 0; a < 3; ++a) v[a] = this->load_kept(job.planes.vectors + a, atom, c);
    HOTPP_UNROLL
    for (int i = 0; i < 3; ++i) {  // v_i v_j is stored once for i != j
      Quad<Real> by_v{};
      HOTPP_UNROLL
      for (int j = 0; j < 3; ++j) by_v += Real(i == j ? 2 : 1) * (by.sum[12 + tensor_place(i, j)] * v[j]);
      this->at(pass.x.v, 3 * index + i, c) = by_v;
    }
  }

  /// The same through v, s v and T·v of two atoms, added to what came through the tensors.
  HOTPP_DEVICE void through_vector_products(const Pass& pass, int pair) const {
    const int first = 2 * (pair / this->groups()), c = 4 * (pair % this->groups());
    if (job.at.tensor < 0) {
      HOTPP_UNROLL
      for (int j = 0; j < 2; ++j) {
        this->at(pass.x.s, first + j, c) = {};
        for (int a = 0; Rank >= 1 && a < 3; ++a) this->at(pass.x.v, 3 * (first + j) + a, c) = {};
        for (int a = 0; Rank >= 2 && a < 6; ++a) this->at(pass.x.t, 6 * (first + j) + a, c) = {};
      }
    }
    if constexpr (Rank >= 1) {
      if (job.at.vector < 0) return;
      if (!job.many_body) {
        Tile<6, Real> by;
        this->multiply(by, pass.y.v, 3 * first, transposed(job.at.vector), c);
        HOTPP_UNROLL
        for (int r = 0; r < 6; ++r) this->at(pass.x.v, 3 * first + r, c) += by.sum[r];
        return;
      }
      Tile<6, Real, 1 + Rank> by;
      this->multiply(by, pass.y.v, 3 * first, transposed(job.at.vector), c);
      HOTPP_UNROLL
      for (int j = 0; j < 2; ++j) through_vector_products(pass, first + j, c, by.sum + 3 * j);
    }
  }

  /// by: gradients by v, s v and T·v of one atom, six Quads apart.
  HOTPP_DEVICE void through_vector_products(const Pass& pass, int index, int c, const Quad<Real>* by) const {
    const std::int64_t atom = number(pass, index);
    const Quad<Real> s = this->load_kept(job.planes.scalars, atom, c);
    Quad<Real> by_s{}, v[3];
    HOTPP_UNROLL
    for (int a = 0; a < 3; ++a) {
      v[a] = this->load_kept(job.planes.vectors + a, atom, c);
      by_s += by[6 + a] * v[a];
      this->at(pass.x.v, 3 * index + a, c) += by[a] + s * by[6 + a];
    }
    this->at(pass.x.s, index, c) += by_s;
    if constexpr (Rank >= 2) {
      const Quad<Real>* const p = by + 12;
      HOTPP_UNROLL
      for (int a = 0; a < 6; ++a) {
        const int i = tensor_row(a), j = tensor_column(a);
        const Quad<Real> t = this->load_kept(job.planes.tensors + a, atom, c);
        Quad<Real> by_t = p[i] * v[j];
        this->at(pass.x.v, 3 * index + i, c) += t * p[j];
        if (i != j) {
          by_t += p[j] * v[i];
          this->at(pass.x.v, 3 * index + j, c) += t * p[i];
        }
        this->at(pass.x.t, 6 * index + a, c) += by_t;
      }
    }
  }

  /// The same through s, |v|² and |T|², then through the factor of the element, of two atoms.
  HOTPP_DEVICE void through_squares(const Pass& pass, int pair) const {
    const int first = 2 * (pair / this->groups()), c = 4 * (pair % this->groups());
    Tile<2, Real, 1 + Rank> by;
    this->multiply(by, pass.energy, first, transposed(job.at.scalar), c);
    HOTPP_UNROLL
    for (int j = 0; j < 2; ++j) {
      const int index = first + j;
      const std::int64_t atom = number(pass, index);
      const Quad<Real> factor = this->factor(atom, c);
      const auto finish = [&](Real* rows, int at, const Quad<Real>& more) {
        Quad<Real>& sum = this->at(rows, at, c);
        sum = factor * (sum + more);
      };
      finish(pass.x.s, index, by.sum[j]);
      if constexpr (Rank >= 1) {
        HOTPP_UNROLL
        for (int a = 0; a < 3; ++a)
          finish(pass.x.v, 3 * index + a,
                 Real(2) * (by.sum[2 + j] * this->load_kept(job.planes.vectors + a, atom, c)));
      }
      if constexpr (Rank >= 2) {
        HOTPP_UNROLL
        for (int a = 0; a < 6; ++a)
          finish(pass.x.t, 6 * index + a,
                 Real(a < 3 ? 2 : 4) * (by.sum[4 + j] * this->load_kept(job.planes.tensors + a, atom, c)));
      }
    }
  }
};

}  // namespace hotpp::ops::device
