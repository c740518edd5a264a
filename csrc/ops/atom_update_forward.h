// SPDX-License-Identifier: GPL-2.0-or-later
//
// Forward pass of atom_update over one block of atoms, for one instruction set. Symbols as in
// python/hotpp_lr/model/update.py: the mixed message m = (s, v, T), components of T in the order xx yy zz yz
// xz xy. Lane for lane it is elementwise work between products of matrices; padded lanes hold zeros or what
// nothing reads.
#pragma once

#include "ops/atom_update_block.h"

namespace hotpp::ops::HOTPP_ISA {

/// Products of the messages of every atom, contracted to rank <= 2.
template <class Real>
struct Products {
  Real *squared_vector, *squared_tensor;      // |v|², |T|²
  Real *scaled_vector, *tensor_times_vector;  // s v, T·v: 3 planes each
  Real *scaled_tensor, *squares;              // s T, v⊗v: 6 planes each
};

/// m ← factor of the element · m, and the products of m that some matrix takes.
template <class Real>
void scale_and_multiply(const UpdateJob<Real>& job, const Block& block, const Message<Real*>& m,
                        const Products<Real>& out) {
  const bool vector_products = job.many_body && job.at.vector >= 0;
  const bool tensor_products = job.many_body && job.at.tensor >= 0;
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const Vec<Real> factor = load(job.factors + job.species[block.clamped(atom)] * job.row + c);
    const Place place(job.row, atom, c);
    const Vec<Real> s = factor * load(m.s + place.one(0));
    store(m.s + place.one(0), s);
    if (job.rank < 1) return;
    Vec<Real> v[3];
    HOTPP_UNROLL_LOOP
    for (int a = 0; a < 3; ++a) {
      v[a] = factor * load(m.v + place.three(a));
      store(m.v + place.three(a), v[a]);
      if (vector_products) store(out.scaled_vector + place.three(a), s * v[a]);
    }
    store(out.squared_vector + place.one(0), v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    if (job.rank < 2) return;
    Vec<Real> t[6];
    HOTPP_UNROLL_LOOP
    for (int a = 0; a < 6; ++a) {
      t[a] = factor * load(m.t + place.six(a));
      store(m.t + place.six(a), t[a]);
      if (tensor_products) store(out.scaled_tensor + place.six(a), s * t[a]);
    }
    store(out.squared_tensor + place.one(0),
          t[0] * t[0] + t[1] * t[1] + t[2] * t[2] + Real(2) * (t[3] * t[3] + t[4] * t[4] + t[5] * t[5]));
    if (vector_products) {
      store(out.tensor_times_vector + place.three(0), t[0] * v[0] + t[5] * v[1] + t[4] * v[2]);
      store(out.tensor_times_vector + place.three(1), t[5] * v[0] + t[1] * v[1] + t[3] * v[2]);
      store(out.tensor_times_vector + place.three(2), t[4] * v[0] + t[3] * v[1] + t[2] * v[2]);
    }
    if (tensor_products) {
      HOTPP_UNROLL_LOOP
      for (int a = 0; a < 6; ++a)
        store(out.squares + place.six(a), v[tensor_index[a][0]] * v[tensor_index[a][1]]);
    }
  });
}

/// gate ← logistic(gate), new ← gate · before + features of the layer before, N components from `component`
/// on.
template <int N, class Real>
void gate_and_add(const UpdateJob<Real>& job, const Block& block, Real* gate, const Real* before,
                  int component, Real* out) {
  const bool old = job.feature_components > component;
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const Vec<Real> g = logistic<Real>(load(gate + std::ptrdiff_t(atom) * job.row + c));
    store(gate + std::ptrdiff_t(atom) * job.row + c, g);
    const Real* features =
        job.features + (block.clamped(atom) * job.feature_components + component) * job.channels;
    HOTPP_UNROLL_LOOP
    for (int a = 0; a < N; ++a) {
      const std::ptrdiff_t at = (std::ptrdiff_t(atom) * N + a) * job.row + c;
      Vec<Real> value = g * load(before + at);
      if (old) value += load_some(features + a * job.channels + c, job.channels - c);
      store(out + at, value);
    }
  });
}

/// read[atom] = constant of the element + Σ_c out_c SiLU(hidden_c); hidden ← out · slope, what the backward
/// pass needs.
template <class Real>
void read_out(const UpdateJob<Real>& job, const Block& block, const Real* out, int constant, Real* hidden,
              Real* read) {
  for (int atom = 0; atom < block.padded; ++atom) {
    Vec<Real> sum{};
    for (int c = 0; c < job.row; c += lanes<Real>) {
      Real* h = hidden + std::ptrdiff_t(atom) * job.row + c;
      const Silu<Real> silu(load(h));
      const Vec<Real> weight = load(out + c);
      sum += weight * silu.value;
      store(h, weight * silu.slope);
    }
    if (atom >= block.count) continue;
    const Real* element = job.elements + job.species[block.first + atom] * (job.channels + 2);
    read[block.first + atom] = element[job.channels + constant] + add_lanes<Real>(sum);
  }
}

/// μ_a = Σ_c out_c gate_c v_a,c; gate ← logistic(gate).
template <class Real>
void read_out_dipoles(const UpdateJob<Real>& job, const Block& block, const Real* vectors, Real* gate) {
  const Real* out = job.weights + job.at.dipole_out;
  for (int atom = 0; atom < block.padded; ++atom) {
    Vec<Real> sum[3]{};
    for (int c = 0; c < job.row; c += lanes<Real>) {
      const Place place(job.row, atom, c);
      const Vec<Real> g = logistic<Real>(load(gate + place.one(0)));
      store(gate + place.one(0), g);
      HOTPP_UNROLL_LOOP
      for (int a = 0; a < 3; ++a) sum[a] += load(out + c) * g * load(vectors + place.three(a));
    }
    if (atom >= block.count) continue;
    for (int a = 0; a < 3; ++a) job.dipole[(block.first + atom) * 3 + a] = add_lanes<Real>(sum[a]);
  }
}

template <class Real>
void forward_block(const UpdateJob<Real>& job, std::int64_t first, int count, Real* planes, Real* scratch) {
  const Block block(first, count);
  const Matrices<Real> matrices(job, block, false);
  const UpdateWeights& at = job.at;
  const UpdatePlanes& kept = job.planes;
  const auto plane = [&](int k) { return planes + std::ptrdiff_t(k) * kBlockAtoms * job.row; };
  Scratch<Real> memory(scratch, job.row);

  const Message<Real*> m{plane(kept.scalars), plane(kept.vectors), plane(kept.tensors)};
  matrices.mix(job.messages, at.mix, m);
  const bool vectors = at.vector >= 0, tensors = at.tensor >= 0;
  // The new features: scalars here, vectors and tensors where there are any.
  const Message<Real*> h{memory.take(1), job.last ? plane(kept.new_vectors) : memory.take(3), memory.take(6)};
  const Scratch<Real> memory_of_sent = memory;
  Products<Real> products{};
  if (job.rank >= 1) products.squared_vector = memory.take(1);
  if (job.rank >= 2) products.squared_tensor = memory.take(1);
  if (vectors && job.many_body) {
    products.scaled_vector = memory.take(3);
    if (job.rank >= 2) products.tensor_times_vector = memory.take(3);
  }
  if (tensors && job.many_body) {
    products.scaled_tensor = memory.take(6);
    products.squares = memory.take(6);
  }
  scale_and_multiply(job, block, m, products);

  Real* const activation = memory.take(1);
  matrices.template apply<Start::bias>(1, {m.s, products.squared_vector, products.squared_tensor}, at.scalar,
                                       activation, at.scalar_bias);
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const std::ptrdiff_t place = std::ptrdiff_t(atom) * job.row + c;
    const Silu<Real> silu(load(activation + place));
    store(plane(kept.silu_slope) + place, silu.slope);
    const Real* features = job.features + block.clamped(atom) * job.feature_components * job.channels;
    store(h.s + place, silu.value + load_some(features + c, job.channels - c));
  });
  if (vectors) {
    Real* const gate = plane(kept.vector_gate);
    Real* const before = memory.take(3);
    matrices.template apply<Start::bias>(1, {activation, nullptr, nullptr}, at.vector_gate, gate,
                                         at.vector_gate_bias);
    matrices.template apply<Start::zero>(3, {m.v, products.scaled_vector, products.tensor_times_vector},
                                         at.vector, before);
    gate_and_add<3>(job, block, gate, before, 1, h.v);
  }
  if (tensors) {
    Real* const gate = plane(kept.tensor_gate);
    Real* const before = memory.take(6);
    matrices.template apply<Start::bias>(1, {activation, nullptr, nullptr}, at.tensor_gate, gate,
                                         at.tensor_gate_bias);
    matrices.template apply<Start::zero>(6, {m.t, products.scaled_tensor, products.squares}, at.tensor,
                                         before);
    gate_and_add<6>(job, block, gate, before, 4, h.t);
  }

  const auto hidden_of = [&](const Real* scalars, std::int64_t matrix, std::int64_t bias, Real* hidden) {
    matrices.template apply<Start::bias>(1, {scalars, nullptr, nullptr}, matrix, hidden, bias);
  };
  hidden_of(h.s, at.energy, at.energy_bias, plane(kept.energy_slope));
  read_out(job, block, job.weights + at.energy_out, 0, plane(kept.energy_slope), job.energies);
  if (job.charges) {
    hidden_of(h.s, at.charge, at.charge_bias, plane(kept.charge_slope));
    read_out(job, block, job.weights + at.charge_out, 1, plane(kept.charge_slope), job.charge);
  }
  if (job.dipoles) {
    Real* const hidden = memory.take(1);
    hidden_of(h.s, at.dipole, at.dipole_bias, hidden);
    for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
      const std::ptrdiff_t place = std::ptrdiff_t(atom) * job.row + c;
      const Silu<Real> silu(load(hidden + place));
      store(hidden + place, silu.value);
      store(plane(kept.dipole_slope) + place, silu.slope);
    });
    hidden_of(hidden, at.dipole_gate, at.dipole_gate_bias, plane(kept.dipole_gate));
    read_out_dipoles(job, block, h.v, plane(kept.dipole_gate));
  }
  if (!job.last) {
    store_features(job, block, h, job.new_features, job.components);
    memory = memory_of_sent;
    const Message<Real*> mixed{memory.take(1), memory.take(3), memory.take(6)};
    matrices.mix(h, at.next_mix, mixed);
    store_features(job, block, mixed, job.sent, job.components);
  }
}

}  // namespace hotpp::ops::HOTPP_ISA
