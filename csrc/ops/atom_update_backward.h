// SPDX-License-Identifier: GPL-2.0-or-later
//
// Backward pass of atom_update over one block of atoms, for one instruction set: gradients by messages,
// features and (training) weights of a linear function of the results, with what the forward pass left.
#pragma once

#include "ops/atom_update_forward.h"
#include "ops/atom_update_gradients.h"
#include "ops/atom_update_weight_gradient.h"

namespace hotpp::ops::HOTPP_ISA {

/// forward: null, or (training) the planes of the forward pass: then gradients by weights and factors as
/// well.
template <class N, class Real>
void backward_pass(const UpdateJob<Real>& job, const Block& block, Real* planes, Scratch<Real>& memory,
                   const ForwardPlanes<Real>* forward) {
  const Matrices<N, Real> matrices(job, block, true);
  const WeightGradient<N, Real> by_weights(job, block);
  const UpdateWeights& at = job.at;
  const UpdatePlanes& kept = job.planes;
  const std::ptrdiff_t matrix = std::ptrdiff_t(job.channels) * job.row;
  const auto plane = [&](int k) { return planes + std::ptrdiff_t(k) * kBlockAtoms * job.row; };
  const bool vectors = at.vector >= 0, tensors = at.tensor >= 0;
  const auto result_of = [&](const Message<Real*>& h) { return is_dual<N, Real> ? tangents(job, h) : h; };

  // By the new features.
  const Message<Real*> by_h{memory.take(1), memory.take(3), memory.take(6)};
  Real* const gradient = memory.take(1);
  load_gradient<N>(job, block, job.by_features, 0, 1, by_h.s);
  if (vectors) load_gradient<N>(job, block, job.by_features, 1, 3, by_h.v);
  if (tensors) load_gradient<N>(job, block, job.by_features, 4, 6, by_h.t);
  if (job.by_sent) {
    Matrices<Vec<Real>, Real>(job, block, true)
        .template mix_from_memory<Start::sum>(job.by_sent, at.next_mix, by_h);
    if (forward) {
      Scratch<Real> free = memory;
      const Message<Real*> by_sent{free.take(1), free.take(3), free.take(6)};
      load_gradient<N>(job, block, job.by_sent, 0, 1, by_sent.s);
      if (vectors) load_gradient<N>(job, block, job.by_sent, 1, 3, by_sent.v);
      if (tensors) load_gradient<N>(job, block, job.by_sent, 4, 6, by_sent.t);
      by_weights.mix(forward->h, by_sent, at.next_mix);
    }
  }
  const auto through_read_out = [&](const Real* slope, const Real* seeds, std::int64_t head,
                                    std::int64_t bias, std::int64_t out, const Real* silu) {
    read_out_gradient<N>(job, block, slope, seeds, gradient);
    matrices.template apply<Start::sum>(1, {gradient}, head, by_h.s);
    if (!forward) return;
    by_weights.matrices(1, {forward->h.s}, gradient, head);
    by_weights.bias(gradient, bias);
    by_weights.row(out, [&](int atom, int c) {
      return seeds[block.first + atom] * get<N>(job, silu + std::ptrdiff_t(atom) * job.row + c);
    });
  };
  if (job.by_energies) {
    through_read_out(plane(kept.energy_slope), job.by_energies, at.energy, at.energy_bias, at.energy_out,
                     forward ? forward->energy : nullptr);
  }
  if (job.by_charge) {
    through_read_out(plane(kept.charge_slope), job.by_charge, at.charge, at.charge_bias, at.charge_out,
                     forward ? forward->charge : nullptr);
  }
  Real* const by_gate = memory.take(1);
  if (job.by_dipole) {
    Real *const gate = plane(kept.dipole_gate), *const v = plane(kept.new_vectors);
    dipole_gradient<N>(job, block, gate, v, by_h.v, by_gate);
    matrices.template apply<Start::zero>(1, {by_gate}, at.dipole_gate, gradient);
    for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
      const std::ptrdiff_t place = std::ptrdiff_t(atom) * job.row + c;
      put<Real>(job, gradient + place,
                get<N>(job, gradient + place) * get<N>(job, plane(kept.dipole_slope) + place));
    });
    matrices.template apply<Start::sum>(1, {gradient}, at.dipole, by_h.s);
    if (forward) {
      by_weights.matrices(1, {forward->dipole}, by_gate, at.dipole_gate);
      by_weights.bias(by_gate, at.dipole_gate_bias);
      by_weights.matrices(1, {forward->h.s}, gradient, at.dipole);
      by_weights.bias(gradient, at.dipole_bias);
      by_weights.row(at.dipole_out, [&](int atom, int c) {
        const Place place(job.row, atom, c);
        const Real* seed = job.by_dipole + (block.first + atom) * 3;
        N sum{};
        HOTPP_UNROLL_LOOP
        for (int a = 0; a < 3; ++a) sum += seed[a] * get<N>(job, v + place.three(a));
        return sum * get<N>(job, gate + place.one(0));
      });
    }
  }
  if (job.features_gradient) {
    const Message<Real*> there{by_h.s, vectors ? by_h.v : nullptr, tensors ? by_h.t : nullptr};
    store_features(job, block, result_of(there), job.features_gradient, job.feature_components);
  }
  if (!job.messages_gradient && !forward) return;

  // By the new scalars before SiLU, through the gates, and by the products.
  Real* const by_activation = memory.take(1);
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const std::ptrdiff_t place = std::ptrdiff_t(atom) * job.row + c;
    put<Real>(job, by_activation + place,
              get<N>(job, by_h.s + place) * get<N>(job, plane(kept.silu_slope) + place));
  });
  const auto back = [&](int per, const Real* by_result, std::int64_t first_matrix, int k) {
    Real* const out = memory.take(per);
    matrices.template apply<Start::zero>(per, {by_result}, first_matrix + k * matrix, out);
    return out;
  };
  // Where the new features are: in the result, or in planes when there is none (yet).
  const auto new_features = [&](int component, const Real* in_planes, int per) {
    if (forward || job.last)
      return NewFeatures<Real>{in_planes, per * std::ptrdiff_t(job.row), job.row, job.row};
    const std::ptrdiff_t atom = std::ptrdiff_t(job.components) * job.channels;
    return NewFeatures<Real>{job.new_features + block.first * atom + component * job.channels, atom,
                             job.channels, job.channels};
  };
  ProductGradients<Real> by{};
  if (vectors) {
    gate_gradient<3, N>(job, block, plane(kept.vector_gate),
                        new_features(1, forward ? forward->h.v : plane(kept.new_vectors), 3), 1, by_h.v,
                        by_gate);
    matrices.template apply<Start::sum>(1, {by_gate}, at.vector_gate, by_activation);
    by.v = back(3, by_h.v, at.vector, 0);
    if (job.many_body) {
      by.scaled_vector = back(3, by_h.v, at.vector, 1);
      if (job.rank >= 2) by.tensor_times_vector = back(3, by_h.v, at.vector, 2);
    }
    if (forward) {
      by_weights.matrices(1, {forward->activation}, by_gate, at.vector_gate);
      by_weights.bias(by_gate, at.vector_gate_bias);
      by_weights.matrices(
          3, {forward->m.v, forward->products.scaled_vector, forward->products.tensor_times_vector}, by_h.v,
          at.vector);
    }
  }
  if (tensors) {
    gate_gradient<6, N>(job, block, plane(kept.tensor_gate),
                        new_features(4, forward ? forward->h.t : nullptr, 6), 4, by_h.t, by_gate);
    matrices.template apply<Start::sum>(1, {by_gate}, at.tensor_gate, by_activation);
    by.t = back(6, by_h.t, at.tensor, 0);
    if (job.many_body) {
      by.scaled_tensor = back(6, by_h.t, at.tensor, 1);
      by.squares = back(6, by_h.t, at.tensor, 2);
    }
    if (forward) {
      by_weights.matrices(1, {forward->activation}, by_gate, at.tensor_gate);
      by_weights.bias(by_gate, at.tensor_gate_bias);
      by_weights.matrices(6, {forward->m.t, forward->products.scaled_tensor, forward->products.squares},
                          by_h.t, at.tensor);
    }
  }
  by.s = back(1, by_activation, at.scalar, 0);
  if (job.rank >= 1) by.squared_vector = back(1, by_activation, at.scalar, 1);
  if (job.rank >= 2) by.squared_tensor = back(1, by_activation, at.scalar, 2);
  if (forward) {
    by_weights.matrices(1, {forward->m.s, forward->products.squared_vector, forward->products.squared_tensor},
                        by_activation, at.scalar);
    by_weights.bias(by_activation, at.scalar_bias);
  }

  const Message<Real*> m{plane(kept.scalars), plane(kept.vectors), plane(kept.tensors)};
  product_gradient<N>(job, block, m, forward ? forward->raw : Message<Real*>{}, by, by_h);
  if (forward) by_weights.mix_from_memory(by_h, at.mix);
  if (!job.messages_gradient) return;
  memory = Scratch<Real>(by_activation, job.row);
  const Message<Real*> by_messages{memory.take(1), memory.take(3), memory.take(6)};
  Matrices<Vec<Real>, Real>(job, block, true).mix(result_of(by_h), at.mix, by_messages);
  store_features(job, block, by_messages, job.messages_gradient, job.components);
}

template <class Real>
void backward_block(const UpdateJob<Real>& job, std::int64_t first, int count, Real* planes, Real* scratch) {
  Scratch<Real> memory(scratch, job.row);
  backward_pass<Vec<Real>, Real>(job, Block(first, count), planes, memory, nullptr);
}

template <class N, class Real>
void train_block(const UpdateJob<Real>& job, std::int64_t first, int count, Real*, Real* scratch) {
  const Block block(first, count);
  Scratch<Real> memory(scratch, job.row);
  Real* const planes = memory.take(job.planes.count);
  const ForwardPlanes<Real> forward = forward_pass<N>(job, block, planes, memory, true);
  backward_pass<N>(job, block, planes, memory, &forward);
}

}  // namespace hotpp::ops::HOTPP_ISA
