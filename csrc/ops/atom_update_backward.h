// SPDX-License-Identifier: GPL-2.0-or-later
//
// Backward pass of atom_update over one block of atoms, for one instruction set: gradients by messages,
// features and (training) weights of a linear function of the results, with what the forward pass left. The
// six stored components of a symmetric tensor are six independent numbers, as they are to autograd.
#pragma once

#include "ops/atom_update_forward.h"
#include "ops/atom_update_weight_gradient.h"

namespace hotpp::ops::HOTPP_ISA {

/// Gradients by the products of the messages, as they come back through the matrices.
template <class Real>
struct ProductGradients {
  const Real *s, *squared_vector, *squared_tensor;
  const Real *v, *scaled_vector, *tensor_times_vector;
  const Real *t, *scaled_tensor, *squares;
};

/// Gradients in memory [n, components, C] to planes (with duals: constants), zero where there are none.
template <class N, class Real>
void load_gradient(const UpdateJob<Real>& job, const Block& block, const Real* features, int component,
                   int per, Real* out) {
  for (int atom = 0; atom < block.padded; ++atom) {
    const bool there = features && atom < block.count;
    const Real* mine =
        there ? features + ((block.first + atom) * job.components + component) * job.channels : nullptr;
    for (int a = 0; a < per; ++a) {
      for (int c = 0; c < job.row; c += lanes<Real>) {
        const Vec<Real> value =
            there ? load_some(mine + std::ptrdiff_t(a) * job.channels + c, job.channels - c) : Vec<Real>{};
        Real* const at = out + (std::ptrdiff_t(atom) * per + a) * job.row + c;
        if constexpr (is_dual<N, Real>)
          put<Real>(job, at, Dual<Real>{value, Vec<Real>{}});
        else
          store(at, value);
      }
    }
  }
}

/// Through a read-out Σ_c out_c SiLU(hidden_c) with out · slope in `slope`: gradient by the hidden values.
template <class N, class Real>
void read_out_gradient(const UpdateJob<Real>& job, const Block& block, const Real* slope, const Real* seeds,
                       Real* out) {
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const std::ptrdiff_t place = std::ptrdiff_t(atom) * job.row + c;
    put<Real>(job, out + place, seeds[block.clamped(atom)] * get<N>(job, slope + place));
  });
}

/// Through μ_a = Σ_c out_c gate_c v_a,c: gradient by v, and by the gate before its logistic function.
template <class N, class Real>
void dipole_gradient(const UpdateJob<Real>& job, const Block& block, const Real* gate, const Real* vectors,
                     Real* by_vectors, Real* by_gate) {
  const Real* out = job.weights + job.at.dipole_out;
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const Place place(job.row, atom, c);
    const N g = get<N>(job, gate + place.one(0));
    const Vec<Real> weight = load(out + c);
    const Real* seed = job.by_dipole + block.clamped(atom) * 3;
    N sum{};
    HOTPP_UNROLL_LOOP
    for (int a = 0; a < 3; ++a) {
      put<Real>(job, by_vectors + place.three(a), seed[a] * (weight * g));
      sum += seed[a] * get<N>(job, vectors + place.three(a));
    }
    put<Real>(job, by_gate + place.one(0), weight * (sum * g * complement<Real>(g)));
  });
}

/// Rows of the new features, one after the other: in memory (as the forward pass left them) or in planes.
template <class Real>
struct NewFeatures {
  const Real* first;
  std::ptrdiff_t atom, row;
  int width;  // numbers that exist in a row
};

/// new_a = gate · before_a + old_a: by_new ← by_new · gate (gradient by `before`); by_gate: the gradient by
/// the gate before its logistic function, (1 - gate) Σ_a by_new_a · (new_a - old_a), which spares keeping
/// `before`.
template <int C, class N, class Real>
void gate_gradient(const UpdateJob<Real>& job, const Block& block, const Real* gate,
                   const NewFeatures<Real>& now, int component, Real* by_new, Real* by_gate) {
  const bool old = job.feature_components > component;
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const N g = get<N>(job, gate + std::ptrdiff_t(atom) * job.row + c);
    const Real* const mine =
        now.first + std::ptrdiff_t(atom < block.count ? atom : block.count - 1) * now.atom + c;
    N sum{};
    HOTPP_UNROLL_LOOP
    for (int a = 0; a < C; ++a) {
      const std::ptrdiff_t at = (std::ptrdiff_t(atom) * C + a) * job.row + c;
      const N gradient = get<N>(job, by_new + at);
      N gated;
      if constexpr (is_dual<N, Real>)
        gated = get<N>(job, mine + a * now.row);
      else
        gated = load_some(mine + a * now.row, now.width - c);
      if (old) gated = gated - old_feature<N>(job, block.clamped(atom), component + a, c);
      sum += gradient * gated;
      put<Real>(job, by_new + at, gradient * g);
    }
    put<Real>(job, by_gate + std::ptrdiff_t(atom) * job.row + c, sum * complement<Real>(g));
  });
}

/// Through the products to the mixed messages m, and through the factor of the element. raw: null, or the
/// messages before that factor, for the gradient by it.
template <class N, class Real>
void product_gradient(const UpdateJob<Real>& job, const Block& block, const Message<Real*>& m,
                      const Message<Real*>& raw, const ProductGradients<Real>& by,
                      const Message<Real*>& out) {
  const bool vector_products = job.many_body && by.v, tensor_products = job.many_body && by.t;
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const Place place(job.row, atom, c);
    const Vec<Real> factor = load(job.factors + job.species[block.clamped(atom)] * job.row + c);
    const N s = get<N>(job, m.s + place.one(0));
    N by_s = get<N>(job, by.s + place.one(0)), by_factor{};
    if (job.rank >= 1) {
      N v[3], by_v[3];
      const N twice = Real(2) * get<N>(job, by.squared_vector + place.one(0));
      HOTPP_UNROLL_LOOP
      for (int a = 0; a < 3; ++a) {
        v[a] = get<N>(job, m.v + place.three(a));
        by_v[a] = twice * v[a];
        if (by.v) by_v[a] += get<N>(job, by.v + place.three(a));
        if (vector_products) {
          const N g = get<N>(job, by.scaled_vector + place.three(a));
          by_v[a] += s * g;
          by_s += v[a] * g;
        }
      }
      if (job.rank >= 2) {
        N t[6], by_t[6];
        const N twice_t = Real(2) * get<N>(job, by.squared_tensor + place.one(0));
        HOTPP_UNROLL_LOOP
        for (int a = 0; a < 6; ++a) {
          t[a] = get<N>(job, m.t + place.six(a));
          by_t[a] = (a < 3 ? Real(1) : Real(2)) * (twice_t * t[a]);
          if (by.t) by_t[a] += get<N>(job, by.t + place.six(a));
          if (tensor_products) {
            const N g = get<N>(job, by.scaled_tensor + place.six(a));
            by_t[a] += s * g;
            by_s += t[a] * g;
          }
        }
        if (vector_products) {
          N p[3];
          HOTPP_UNROLL_LOOP
          for (int a = 0; a < 3; ++a) p[a] = get<N>(job, by.tensor_times_vector + place.three(a));
          by_v[0] += t[0] * p[0] + t[5] * p[1] + t[4] * p[2];
          by_v[1] += t[5] * p[0] + t[1] * p[1] + t[3] * p[2];
          by_v[2] += t[4] * p[0] + t[3] * p[1] + t[2] * p[2];
          HOTPP_UNROLL_LOOP
          for (int a = 0; a < 6; ++a) {
            const int i = tensor_index[a][0], j = tensor_index[a][1];
            by_t[a] += p[i] * v[j];
            if (i != j) by_t[a] += p[j] * v[i];
          }
        }
        if (tensor_products) {
          HOTPP_UNROLL_LOOP
          for (int a = 0; a < 6; ++a) {
            const int i = tensor_index[a][0], j = tensor_index[a][1];
            const N q = get<N>(job, by.squares + place.six(a));
            by_v[i] += q * v[j];
            by_v[j] += q * v[i];
          }
        }
        HOTPP_UNROLL_LOOP
        for (int a = 0; a < 6; ++a) {
          put<Real>(job, out.t + place.six(a), factor * by_t[a]);
          if (raw.s) by_factor += by_t[a] * get<N>(job, raw.t + place.six(a));
        }
      }
      HOTPP_UNROLL_LOOP
      for (int a = 0; a < 3; ++a) {
        put<Real>(job, out.v + place.three(a), factor * by_v[a]);
        if (raw.s) by_factor += by_v[a] * get<N>(job, raw.v + place.three(a));
      }
    }
    put<Real>(job, out.s + place.one(0), factor * by_s);
    if (raw.s && atom < block.count) {
      by_factor += by_s * get<N>(job, raw.s + place.one(0));
      store_some<Real>(job.factors_gradient + (block.first + atom) * job.channels + c, job.channels - c,
                       result<Real>(by_factor));
    }
  });
}

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
