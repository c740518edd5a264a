// SPDX-License-Identifier: GPL-2.0-or-later
//
// Backward pass of atom_update over one block of atoms, for one instruction set: gradients by messages and
// features of a linear function of the results, with what the forward pass kept (UpdatePlanes). The six
// stored components of a symmetric tensor are six independent numbers, as they are to autograd.
#pragma once

#include "ops/atom_update_block.h"

namespace hotpp::ops::HOTPP_ISA {

/// Gradients by the products of the messages, as they come back through the matrices.
template <class Real>
struct ProductGradients {
  const Real *s, *squared_vector, *squared_tensor;
  const Real *v, *scaled_vector, *tensor_times_vector;
  const Real *t, *scaled_tensor, *squares;
};

/// What the results ask of the new scalars and vectors directly: rows of memory to planes, zero where
/// nothing.
template <class Real>
void load_gradient(const UpdateJob<Real>& job, const Block& block, const Real* features, int component, int n,
                   Real* out) {
  for (int atom = 0; atom < block.padded; ++atom) {
    const Real* mine =
        features ? features + (block.clamped(atom) * job.components + component) * job.channels : nullptr;
    for (int a = 0; a < n; ++a)
      for (int c = 0; c < job.row; c += lanes<Real>)
        store(out + (std::ptrdiff_t(atom) * n + a) * job.row + c,
              mine ? load_some(mine + std::ptrdiff_t(a) * job.channels + c, job.channels - c) : Vec<Real>{});
  }
}

/// out = slope · seed of the atom.
template <class Real>
void scale_slopes(const UpdateJob<Real>& job, const Block& block, const Real* slope, const Real* seeds,
                  Real* out) {
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const std::ptrdiff_t place = std::ptrdiff_t(atom) * job.row + c;
    store(out + place, seeds[block.clamped(atom)] * load(slope + place));
  });
}

/// Through μ_a = Σ_c out_c gate_c v_a,c: gradient by v, and by the gate before its logistic function.
template <class Real>
void dipole_gradient(const UpdateJob<Real>& job, const Block& block, const Real* gate, const Real* vectors,
                     Real* by_vectors, Real* by_gate) {
  const Real* out = job.weights + job.at.dipole_out;
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const Place place(job.row, atom, c);
    const Vec<Real> g = load(gate + place.one(0)), weight = load(out + c);
    const Real* seed = job.by_dipole + block.clamped(atom) * 3;
    Vec<Real> sum{};
    HOTPP_UNROLL_LOOP
    for (int a = 0; a < 3; ++a) {
      store(by_vectors + place.three(a), seed[a] * (weight * g));
      sum += seed[a] * load(vectors + place.three(a));
    }
    store(by_gate + place.one(0), sum * weight * g * (Real(1) - g));
  });
}

/// Rows of the new features, one after the other, as the forward pass left them: in memory or in planes.
template <class Real>
struct NewFeatures {
  const Real* first;
  std::ptrdiff_t atom, row;
  int width;  // numbers that exist in a row
};

/// new_a = gate · before_a + old_a: by_new ← by_new · gate (gradient by `before`); by_gate: the gradient by
/// the gate before its logistic function, (1 - gate) Σ_a by_new_a · (new_a - old_a), which spares keeping
/// `before`.
template <int N, class Real>
void gate_gradient(const UpdateJob<Real>& job, const Block& block, const Real* gate,
                   const NewFeatures<Real>& now, int component, Real* by_new, Real* by_gate) {
  const bool old = job.feature_components > component;
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const Vec<Real> g = load(gate + std::ptrdiff_t(atom) * job.row + c);
    const Real* const mine =
        now.first + std::ptrdiff_t(atom < block.count ? atom : block.count - 1) * now.atom;
    const Real* const features =
        job.features + (block.clamped(atom) * job.feature_components + component) * job.channels;
    Vec<Real> sum{};
    HOTPP_UNROLL_LOOP
    for (int a = 0; a < N; ++a) {
      const std::ptrdiff_t at = (std::ptrdiff_t(atom) * N + a) * job.row + c;
      const Vec<Real> gradient = load(by_new + at);
      Vec<Real> gated = load_some(mine + a * now.row + c, now.width - c);
      if (old) gated -= load_some(features + std::ptrdiff_t(a) * job.channels + c, job.channels - c);
      sum += gradient * gated;
      store(by_new + at, gradient * g);
    }
    store(by_gate + std::ptrdiff_t(atom) * job.row + c, sum * (Real(1) - g));
  });
}

/// Through the products to the mixed messages m, and through the factor of the element.
template <class Real>
void product_gradient(const UpdateJob<Real>& job, const Block& block, const Message<Real*>& m,
                      const ProductGradients<Real>& by, const Message<Real*>& out) {
  const bool vector_products = job.many_body && by.v, tensor_products = job.many_body && by.t;
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const Place place(job.row, atom, c);
    const Vec<Real> factor = load(job.factors + job.species[block.clamped(atom)] * job.row + c);
    const Vec<Real> s = load(m.s + place.one(0));
    Vec<Real> by_s = load(by.s + place.one(0));
    if (job.rank >= 1) {
      Vec<Real> v[3], by_v[3];
      const Vec<Real> twice = Real(2) * load(by.squared_vector + place.one(0));
      HOTPP_UNROLL_LOOP
      for (int a = 0; a < 3; ++a) {
        v[a] = load(m.v + place.three(a));
        by_v[a] = twice * v[a];
        if (by.v) by_v[a] += load(by.v + place.three(a));
        if (vector_products) {
          const Vec<Real> g = load(by.scaled_vector + place.three(a));
          by_v[a] += s * g;
          by_s += v[a] * g;
        }
      }
      if (job.rank >= 2) {
        Vec<Real> t[6], by_t[6];
        const Vec<Real> twice_t = Real(2) * load(by.squared_tensor + place.one(0));
        HOTPP_UNROLL_LOOP
        for (int a = 0; a < 6; ++a) {
          t[a] = load(m.t + place.six(a));
          by_t[a] = (a < 3 ? Real(1) : Real(2)) * twice_t * t[a];
          if (by.t) by_t[a] += load(by.t + place.six(a));
          if (tensor_products) {
            const Vec<Real> g = load(by.scaled_tensor + place.six(a));
            by_t[a] += s * g;
            by_s += t[a] * g;
          }
        }
        if (vector_products) {
          Vec<Real> p[3];
          HOTPP_UNROLL_LOOP
          for (int a = 0; a < 3; ++a) p[a] = load(by.tensor_times_vector + place.three(a));
          by_v[0] += t[0] * p[0] + t[5] * p[1] + t[4] * p[2];
          by_v[1] += t[5] * p[0] + t[1] * p[1] + t[3] * p[2];
          by_v[2] += t[4] * p[0] + t[3] * p[1] + t[2] * p[2];
          HOTPP_UNROLL_LOOP
          for (int a = 0; a < 6; ++a) {
            const int i = tensor_index[a][0], j = tensor_index[a][1];
            by_t[a] += a < 3 ? p[i] * v[j] : p[i] * v[j] + p[j] * v[i];
          }
        }
        if (tensor_products) {
          HOTPP_UNROLL_LOOP
          for (int a = 0; a < 6; ++a) {
            const int i = tensor_index[a][0], j = tensor_index[a][1];
            const Vec<Real> q = load(by.squares + place.six(a));
            by_v[i] += q * v[j];
            by_v[j] += q * v[i];
          }
        }
        HOTPP_UNROLL_LOOP
        for (int a = 0; a < 6; ++a) store(out.t + place.six(a), factor * by_t[a]);
      }
      HOTPP_UNROLL_LOOP
      for (int a = 0; a < 3; ++a) store(out.v + place.three(a), factor * by_v[a]);
    }
    store(out.s + place.one(0), factor * by_s);
  });
}

template <class Real>
void backward_block(const UpdateJob<Real>& job, std::int64_t first, int count, Real* planes, Real* scratch) {
  const Block block(first, count);
  const Matrices<Real> matrices(job, block, true);
  const UpdateWeights& at = job.at;
  const UpdatePlanes& kept = job.planes;
  const std::ptrdiff_t matrix = std::ptrdiff_t(job.channels) * job.row;
  const auto plane = [&](int k) { return planes + std::ptrdiff_t(k) * kBlockAtoms * job.row; };
  const bool vectors = at.vector >= 0, tensors = at.tensor >= 0;
  Scratch<Real> memory(scratch, job.row);

  // By the new features.
  const Message<Real*> by_h{memory.take(1), memory.take(3), memory.take(6)};
  Real* const gradient = memory.take(1);
  load_gradient(job, block, job.by_features, 0, 1, by_h.s);
  if (vectors) load_gradient(job, block, job.by_features, 1, 3, by_h.v);
  if (tensors) load_gradient(job, block, job.by_features, 4, 6, by_h.t);
  if (job.by_sent) matrices.template mix<Start::sum>(job.by_sent, at.next_mix, by_h);
  if (job.by_energies) {
    scale_slopes(job, block, plane(kept.energy_slope), job.by_energies, gradient);
    matrices.template apply<Start::sum>(1, {gradient}, at.energy, by_h.s);
  }
  if (job.by_charge) {
    scale_slopes(job, block, plane(kept.charge_slope), job.by_charge, gradient);
    matrices.template apply<Start::sum>(1, {gradient}, at.charge, by_h.s);
  }
  Real* const by_gate = memory.take(1);
  if (job.by_dipole) {
    dipole_gradient(job, block, plane(kept.dipole_gate), plane(kept.new_vectors), by_h.v, by_gate);
    matrices.template apply<Start::zero>(1, {by_gate}, at.dipole_gate, gradient);
    for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
      const std::ptrdiff_t place = std::ptrdiff_t(atom) * job.row + c;
      store(gradient + place, load(gradient + place) * load(plane(kept.dipole_slope) + place));
    });
    matrices.template apply<Start::sum>(1, {gradient}, at.dipole, by_h.s);
  }
  if (job.features_gradient) {
    store_features(job, block, Message<Real*>{by_h.s, vectors ? by_h.v : nullptr, tensors ? by_h.t : nullptr},
                   job.features_gradient, job.feature_components);
  }
  if (!job.messages_gradient) return;

  // By the new scalars before SiLU, through the gates, and by the products.
  Real* const by_activation = memory.take(1);
  for_each_lane<Real>(job, block.padded, [&](int atom, int c) {
    const std::ptrdiff_t place = std::ptrdiff_t(atom) * job.row + c;
    store(by_activation + place, load(by_h.s + place) * load(plane(kept.silu_slope) + place));
  });
  const auto back = [&](int per, const Real* by_result, std::int64_t first_matrix, int k) {
    Real* const out = memory.take(per);
    matrices.template apply<Start::zero>(per, {by_result}, first_matrix + k * matrix, out);
    return out;
  };
  const auto from_memory = [&](int component) {
    const std::ptrdiff_t atom = std::ptrdiff_t(job.components) * job.channels;
    return NewFeatures<Real>{job.new_features + first * atom + component * job.channels, atom, job.channels,
                             job.channels};
  };
  ProductGradients<Real> by{};
  if (vectors) {
    const NewFeatures<Real> new_vectors =
        job.last ? NewFeatures<Real>{plane(kept.new_vectors), 3 * std::ptrdiff_t(job.row), job.row, job.row}
                 : from_memory(1);
    gate_gradient<3>(job, block, plane(kept.vector_gate), new_vectors, 1, by_h.v, by_gate);
    matrices.template apply<Start::sum>(1, {by_gate}, at.vector_gate, by_activation);
    by.v = back(3, by_h.v, at.vector, 0);
    if (job.many_body) {
      by.scaled_vector = back(3, by_h.v, at.vector, 1);
      if (job.rank >= 2) by.tensor_times_vector = back(3, by_h.v, at.vector, 2);
    }
  }
  if (tensors) {
    gate_gradient<6>(job, block, plane(kept.tensor_gate), from_memory(4), 4, by_h.t, by_gate);
    matrices.template apply<Start::sum>(1, {by_gate}, at.tensor_gate, by_activation);
    by.t = back(6, by_h.t, at.tensor, 0);
    if (job.many_body) {
      by.scaled_tensor = back(6, by_h.t, at.tensor, 1);
      by.squares = back(6, by_h.t, at.tensor, 2);
    }
  }
  by.s = back(1, by_activation, at.scalar, 0);
  if (job.rank >= 1) by.squared_vector = back(1, by_activation, at.scalar, 1);
  if (job.rank >= 2) by.squared_tensor = back(1, by_activation, at.scalar, 2);

  const Message<Real*> m{plane(kept.scalars), plane(kept.vectors), plane(kept.tensors)};
  product_gradient(job, block, m, by, by_h);
  memory = Scratch<Real>(by_activation, job.row);
  const Message<Real*> by_messages{memory.take(1), memory.take(3), memory.take(6)};
  matrices.mix(by_h, at.mix, by_messages);
  store_features(job, block, by_messages, job.messages_gradient, job.components);
}

}  // namespace hotpp::ops::HOTPP_ISA
