// SPDX-License-Identifier: GPL-2.0-or-later
//
// One edge and one channel of tensor_message on a device: reading and writing. The algebra and the geometry
// are those of the CPU (ops/tensor_message_kernel.h, ops/tensor_message_edge.h); a number N is Real, or
// Dual<Real> for the derivative along a tangent.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "ops/tensor_message_edge.h"
#include "ops/tensor_message_kernel.h"
#include "pme/cuda/block.h"

namespace hotpp::ops::device {

// In device memory. Tangents may be null: zero.
template <class Real>
struct MessageArrays {
  const Real *features, *features_tangent;  // [n_senders, 1 | 4 | 10, C]
  const Real *vectors, *vectors_tangent;    // [E, 3] from receiver to sender, Å
  const Real *table, *table_tangent;        // [knots, 2, n_paths, C]
  const Real* cotangent;                    // [n_receivers, 1 | 4 | 10, C], for gradients
  const std::int64_t *receivers, *senders;  // [E]
  std::int64_t n_edges, n_senders;
  int channels;
  TableShape<Real> shape;

  // Senders may come from indices that nobody has looked at: a bad one must not read foreign memory.
  HOTPP_DEVICE bool sender_is_there(std::int64_t e) const {
    return senders[e] >= 0 && senders[e] < n_senders;
  }
  HOTPP_DEVICE std::int64_t sender(std::int64_t e) const { return sender_is_there(e) ? senders[e] : 0; }
};

// An array, and its tangent, read as numbers N.
template <class N, class Real>
HOTPP_DEVICE inline N read(const Real* value, const Real* tangent, std::int64_t i) {
  if constexpr (IsDual<N>::value)
    return {value[i], tangent ? tangent[i] : Real(0)};
  else
    return value[i];
}

// False beyond the cutoff. An edge from nowhere is NaN, so that its results are.
template <class N, class Real>
HOTPP_DEVICE inline bool edge_of(const MessageArrays<Real>& in, std::int64_t e, Edge<N>& edge) {
  const Vector<N> vector{read<N>(in.vectors, in.vectors_tangent, 3 * e),
                         read<N>(in.vectors, in.vectors_tangent, 3 * e + 1),
                         read<N>(in.vectors, in.vectors_tangent, 3 * e + 2)};
  const bool inside = place_edge(vector, in.shape, edge);
  if (inside && !in.sender_is_there(e)) edge.t = edge.t * static_cast<Real>(NAN);
  return inside;
}

// Features [.., C] of one atom and channel.
template <int Rank, class N, class Real>
HOTPP_DEVICE inline Features<N> features_of(const Real* value, const Real* tangent, std::int64_t atom,
                                            std::int64_t C, int c) {
  const std::int64_t at = components(Rank) * atom * C + c;
  const auto get = [&](int k) { return read<N>(value, tangent, at + k * C); };
  Features<N> h;
  h.s = get(0);
  if constexpr (Rank >= 1) h.v = {get(1), get(2), get(3)};
  if constexpr (Rank >= 2) h.t = {get(4), get(5), get(6), get(7), get(8), get(9)};
  return h;
}

// The table around an edge, for one channel.
template <int RankIn, int RankOut, class N, class Real>
struct RadialWeights {
  static constexpr int paths = path_count(RankIn, RankOut);
  const Real *value, *tangent;
  std::int64_t C;

  HOTPP_DEVICE RadialWeights(const MessageArrays<Real>& in, const Edge<N>& edge, int c) : C(in.channels) {
    const std::int64_t at = edge.knot * (2 * paths * C) + c;
    value = in.table + at;
    tangent = in.table_tangent ? in.table_tangent + at : nullptr;
  }

  // Value and slope times spacing at the lower and the upper knot.
  struct Knots {
    N y0, d0, y1, d1;
  };
  template <int p>
  HOTPP_DEVICE Knots load(Path<p>) const {
    const std::int64_t row = paths * C, at = path_row(p, RankIn, RankOut) * C;
    return {read<N>(value, tangent, at), read<N>(value, tangent, at + row),
            read<N>(value, tangent, at + 2 * row), read<N>(value, tangent, at + 3 * row)};
  }
  HOTPP_DEVICE static N rise(const Hermite<N>& at, const Knots& k) {
    return at.step * (k.y1 - k.y0) + at.begin * k.d0 + at.end * k.d1;
  }
};

// A sum over edges, in registers.
template <int Rank, class Real>
struct ChannelSum {
  Real sum[components(Rank)];

  HOTPP_DEVICE ChannelSum() { HOTPP_UNROLL for (int k = 0; k < components(Rank); ++k) sum[k] = 0; }
  template <class N>
  HOTPP_DEVICE void add(const Features<N>& h) {
    sum[0] += result(h.s);
    if constexpr (Rank >= 1) {
      sum[1] += result(h.v.x);
      sum[2] += result(h.v.y);
      sum[3] += result(h.v.z);
    }
    if constexpr (Rank >= 2) {
      sum[4] += result(h.t.xx);
      sum[5] += result(h.t.yy);
      sum[6] += result(h.t.zz);
      sum[7] += result(h.t.yz);
      sum[8] += result(h.t.xz);
      sum[9] += result(h.t.xy);
    }
  }
  HOTPP_DEVICE void store(Real* all, std::int64_t atom, std::int64_t C, int c) const {
    HOTPP_UNROLL for (int k = 0; k < components(Rank); ++k) all[(components(Rank) * atom + k) * C + c] =
        sum[k];
  }
};

}  // namespace hotpp::ops::device
