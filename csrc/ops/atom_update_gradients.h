// SPDX-License-Identifier: GPL-2.0-or-later
//
// The steps of the backward pass between the products with matrices, for one instruction set: through
// read-outs, gates and the products of the messages. The six stored components of a symmetric tensor are six
// independent numbers, as they are to autograd.
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

}  // namespace hotpp::ops::HOTPP_ISA
