// SPDX-License-Identifier: GPL-2.0-or-later
//
// Forward pass of atom_update over one block of atoms, for one instruction set. Symbols as in
// python/hotpp_lr/model/update.py: the mixed message m = (s, v, T), components of T in the order xx yy zz yz
// xz xy. Lane for lane it is elementwise work between products of matrices; padded lanes hold zeros or what
// nothing reads.
#pragma once

#include "ops/atom_update_block.h"

namespace hotpp::ops::HOTPP_ISA {

/// Products of the messages of every atom, contracted to rank <= 2; null where no matrix takes them.
template <class Real>
struct Products {
  Real *squared_vector, *squared_tensor;      // |v|², |T|²
  Real *scaled_vector, *tensor_times_vector;  // s v, T·v: 3 planes each
  Real *scaled_tensor, *squares;              // s T, v⊗v: 6 planes each
};

/// Planes of a forward pass that the gradients by the weights are made of.
template <class Real>
struct ForwardPlanes {
  Message<Real*> raw;   // the mixed messages before the factor of the element
  Message<Real*> m, h;  // with it; the new features
  Products<Real> products;
  Real* activation;       // the new scalars before SiLU
  Real *energy, *charge;  // SiLU of the hidden values of the heads
  Real* dipole;           // of the dipoles' gate
};

/// m = factor of the element · raw, and the products of m that some matrix takes.
template <class N, class Real>
void scale_and_multiply(const UpdateJob<Real>& job, const Block& block, const Message<Real*>& raw,
                        const Message<Real*>& m, const Products<Real>& out) {
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const Vec<Real> factor = load(job.factors + job.species[block.clamped(atom)] * job.row + c);
    const Place place(job.row, atom, c);
    const N s = factor * get<N>(job, raw.s + place.one(0));
    put<Real>(job, m.s + place.one(0), s);
    if (job.rank < 1) return;
    N v[3];
    HOTPP_UNROLL_LOOP
    for (int a = 0; a < 3; ++a) {
      v[a] = factor * get<N>(job, raw.v + place.three(a));
      put<Real>(job, m.v + place.three(a), v[a]);
      if (out.scaled_vector) put<Real>(job, out.scaled_vector + place.three(a), s * v[a]);
    }
    put<Real>(job, out.squared_vector + place.one(0), v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    if (job.rank < 2) return;
    N t[6];
    HOTPP_UNROLL_LOOP
    for (int a = 0; a < 6; ++a) {
      t[a] = factor * get<N>(job, raw.t + place.six(a));
      put<Real>(job, m.t + place.six(a), t[a]);
      if (out.scaled_tensor) put<Real>(job, out.scaled_tensor + place.six(a), s * t[a]);
    }
    put<Real>(job, out.squared_tensor + place.one(0),
              t[0] * t[0] + t[1] * t[1] + t[2] * t[2] + Real(2) * (t[3] * t[3] + t[4] * t[4] + t[5] * t[5]));
    if (out.tensor_times_vector) {
      put<Real>(job, out.tensor_times_vector + place.three(0), t[0] * v[0] + t[5] * v[1] + t[4] * v[2]);
      put<Real>(job, out.tensor_times_vector + place.three(1), t[5] * v[0] + t[1] * v[1] + t[3] * v[2]);
      put<Real>(job, out.tensor_times_vector + place.three(2), t[4] * v[0] + t[3] * v[1] + t[2] * v[2]);
    }
    if (out.squares) {
      HOTPP_UNROLL_LOOP
      for (int a = 0; a < 6; ++a)
        put<Real>(job, out.squares + place.six(a), v[tensor_index[a][0]] * v[tensor_index[a][1]]);
    }
  });
}

/// gate ← logistic(gate), new = gate · before + features of the layer before, C components from `component`
/// on.
template <int C, class N, class Real>
void gate_and_add(const UpdateJob<Real>& job, const Block& block, Real* gate, const Real* before,
                  int component, Real* out) {
  const bool old = job.feature_components > component;
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const N g = gate_of<N, Real>(get<N>(job, gate + std::ptrdiff_t(atom) * job.row + c));
    put<Real>(job, gate + std::ptrdiff_t(atom) * job.row + c, g);
    HOTPP_UNROLL_LOOP
    for (int a = 0; a < C; ++a) {
      const std::ptrdiff_t at = (std::ptrdiff_t(atom) * C + a) * job.row + c;
      N value = g * get<N>(job, before + at);
      if (old) value += old_feature<N>(job, block.clamped(atom), component + a, c);
      put<Real>(job, out + at, value);
    }
  });
}

/// read[atom] = constant of the element + Σ_c out_c SiLU(hidden_c); hidden ← out · slope, what the backward
/// pass needs. silu: null, or receives SiLU(hidden). read: null if not wanted.
template <class N, class Real>
void read_out(const UpdateJob<Real>& job, const Block& block, const Real* out, int constant, Real* hidden,
              Real* silu_planes, Real* read) {
  for (int atom = 0; atom < block.padded; ++atom) {
    Vec<Real> sum{};
    for (int c = 0; c < job.row; c += lanes<Real>) {
      const std::ptrdiff_t at = std::ptrdiff_t(atom) * job.row + c;
      const Silu<N, Real> silu(get<N>(job, hidden + at));
      const Vec<Real> weight = load(out + c);
      sum += weight * result<Real>(silu.value);
      put<Real>(job, hidden + at, weight * silu.slope);
      if (silu_planes) put<Real>(job, silu_planes + at, silu.value);
    }
    if (atom >= block.count || !read) continue;
    const Real* element = job.elements + job.species[block.first + atom] * (job.channels + 2);
    read[block.first + atom] =
        add_lanes<Real>(sum) + (is_dual<N, Real> ? 0 : element[job.channels + constant]);
  }
}

/// μ_a = Σ_c out_c gate_c v_a,c; gate ← logistic(gate).
template <class N, class Real>
void read_out_dipoles(const UpdateJob<Real>& job, const Block& block, const Real* vectors, Real* gate) {
  const Real* out = job.weights + job.at.dipole_out;
  for (int atom = 0; atom < block.padded; ++atom) {
    Vec<Real> sum[3]{};
    for (int c = 0; c < job.row; c += lanes<Real>) {
      const Place place(job.row, atom, c);
      const N g = gate_of<N, Real>(get<N>(job, gate + place.one(0)));
      put<Real>(job, gate + place.one(0), g);
      HOTPP_UNROLL_LOOP
      for (int a = 0; a < 3; ++a)
        sum[a] += load(out + c) * result<Real>(g * get<N>(job, vectors + place.three(a)));
    }
    if (atom >= block.count || !job.dipole) continue;
    for (int a = 0; a < 3; ++a) job.dipole[(block.first + atom) * 3 + a] = add_lanes<Real>(sum[a]);
  }
}

/// planes: what the backward pass needs. training: every plane that the gradients by the weights are made of
/// stays as well. Results are stored where the job has room for them.
template <class N, class Real>
ForwardPlanes<Real> forward_pass(const UpdateJob<Real>& job, const Block& block, Real* planes,
                                 Scratch<Real>& memory, bool training) {
  const Matrices<N, Real> matrices(job, block, false);
  const UpdateWeights& at = job.at;
  const UpdatePlanes& kept = job.planes;
  const auto plane = [&](int k) { return planes + std::ptrdiff_t(k) * kBlockAtoms * job.row; };
  const bool vectors = at.vector >= 0, tensors = at.tensor >= 0;

  ForwardPlanes<Real> out{};
  out.m = {plane(kept.scalars), plane(kept.vectors), plane(kept.tensors)};
  out.raw = training ? Message<Real*>{memory.take(1), memory.take(3), memory.take(6)} : out.m;
  matrices.template mix_from_memory<Start::zero>(job.messages, at.mix, out.raw);
  if constexpr (is_dual<N, Real>) {
    const Message<Real*> tangent = tangents(job, out.raw);
    if (job.messages_tangent)
      matrices.template mix_from_memory<Start::zero>(job.messages_tangent, at.mix, tangent);
    else
      clear_planes(job, block, tangent);
  }
  // The new features: scalars here, vectors and tensors where there are any.
  const Message<Real*>& h =
      out.h = {memory.take(1), job.last ? plane(kept.new_vectors) : memory.take(3), memory.take(6)};
  const Scratch<Real> memory_of_sent = memory;
  Products<Real>& products = out.products;
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
  scale_and_multiply<N>(job, block, out.raw, out.m, products);

  Real* const activation = out.activation = memory.take(1);
  matrices.template apply<Start::bias>(1, {out.m.s, products.squared_vector, products.squared_tensor},
                                       at.scalar, activation, at.scalar_bias);
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const std::ptrdiff_t place = std::ptrdiff_t(atom) * job.row + c;
    const Silu<N, Real> silu(get<N>(job, activation + place));
    put<Real>(job, plane(kept.silu_slope) + place, silu.slope);
    put<Real>(job, h.s + place, silu.value + old_feature<N>(job, block.clamped(atom), 0, c));
  });
  if (vectors) {
    Real* const gate = plane(kept.vector_gate);
    Real* const before = memory.take(3);
    matrices.template apply<Start::bias>(1, {activation}, at.vector_gate, gate, at.vector_gate_bias);
    matrices.template apply<Start::zero>(3, {out.m.v, products.scaled_vector, products.tensor_times_vector},
                                         at.vector, before);
    gate_and_add<3, N>(job, block, gate, before, 1, h.v);
  }
  if (tensors) {
    Real* const gate = plane(kept.tensor_gate);
    Real* const before = memory.take(6);
    matrices.template apply<Start::bias>(1, {activation}, at.tensor_gate, gate, at.tensor_gate_bias);
    matrices.template apply<Start::zero>(6, {out.m.t, products.scaled_tensor, products.squares}, at.tensor,
                                         before);
    gate_and_add<6, N>(job, block, gate, before, 4, h.t);
  }

  const auto silu_planes = [&] { return training ? memory.take(1) : nullptr; };
  out.energy = silu_planes();
  matrices.template apply<Start::bias>(1, {h.s}, at.energy, plane(kept.energy_slope), at.energy_bias);
  read_out<N>(job, block, job.weights + at.energy_out, 0, plane(kept.energy_slope), out.energy, job.energies);
  if (job.charges) {
    out.charge = silu_planes();
    matrices.template apply<Start::bias>(1, {h.s}, at.charge, plane(kept.charge_slope), at.charge_bias);
    read_out<N>(job, block, job.weights + at.charge_out, 1, plane(kept.charge_slope), out.charge, job.charge);
  }
  if (job.dipoles) {
    Real* const hidden = out.dipole = memory.take(1);
    matrices.template apply<Start::bias>(1, {h.s}, at.dipole, hidden, at.dipole_bias);
    for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
      const std::ptrdiff_t place = std::ptrdiff_t(atom) * job.row + c;
      const Silu<N, Real> silu(get<N>(job, hidden + place));
      put<Real>(job, hidden + place, silu.value);
      put<Real>(job, plane(kept.dipole_slope) + place, silu.slope);
    });
    matrices.template apply<Start::bias>(1, {hidden}, at.dipole_gate, plane(kept.dipole_gate),
                                         at.dipole_gate_bias);
    read_out_dipoles<N>(job, block, h.v, plane(kept.dipole_gate));
  }
  if (job.new_features && job.sent) {
    const Message<Real*> features = is_dual<N, Real> ? tangents(job, h) : h;
    store_features(job, block, features, job.new_features, job.components);
    Scratch<Real> free = training ? memory : memory_of_sent;
    const Message<Real*> mixed{free.take(1), free.take(3), free.take(6)};
    Matrices<Vec<Real>, Real>(job, block, false).mix(features, at.next_mix, mixed);
    store_features(job, block, mixed, job.sent, job.components);
  }
  return out;
}

template <class Real>
void forward_block(const UpdateJob<Real>& job, std::int64_t first, int count, Real* planes, Real* scratch) {
  Scratch<Real> memory(scratch, job.row);
  forward_pass<Vec<Real>>(job, Block(first, count), planes, memory, false);
}

}  // namespace hotpp::ops::HOTPP_ISA
