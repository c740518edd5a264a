// SPDX-License-Identifier: GPL-2.0-or-later
//
// Loops over owners, edges and channels around the algebra of tensor_message_kernel.h.
//
// Every sum is owned by one atom or one interval of the table: messages are summed receiver by receiver,
// feature gradients sender by sender, table gradients interval by interval, so there are no atomics, no
// [edge, component, channel] intermediates, and the same bits for any thread count.
#pragma once

#include <type_traits>
#include <utility>

#include "ops/tensor_message_job.h"
#include "ops/tensor_message_kernel.h"
#include "pme/cpu/simd.h"

// An own namespace for every instruction set, see pme/cpu/simd.h.
namespace hotpp::ops::HOTPP_ISA {

// As many channels side by side as a register holds.
template <class Real>
using Pack = pme::HOTPP_ISA::Row<Real, pme::HOTPP_ISA::vector_bytes / static_cast<int>(sizeof(Real))>;

template <class Real>
constexpr int lanes = pme::HOTPP_ISA::vector_bytes / static_cast<int>(sizeof(Real));

// Sum of all lanes: halves are added as vectors.
template <class V, int... half>
HOTPP_ALGEBRA auto upper_half(V v, std::integer_sequence<int, half...>) {
  return __builtin_shufflevector(v, v, (half + static_cast<int>(sizeof...(half)))...);
}
template <class V, int... half>
HOTPP_ALGEBRA auto lower_half(V v, std::integer_sequence<int, half...>) {
  return __builtin_shufflevector(v, v, half...);
}
template <class V>
HOTPP_ALGEBRA auto sum_lanes(V v) {
  using Real = std::remove_reference_t<decltype(v[0])>;
  constexpr int half = static_cast<int>(sizeof(V) / sizeof(Real)) / 2;
  if constexpr (half == 1) {
    return v[0] + v[1];
  } else {
    using Half = std::make_integer_sequence<int, half>;
    return sum_lanes(lower_half(v, Half{}) + upper_half(v, Half{}));
  }
}

// The number type of channels that belongs to one of edges: Real -> Pack, Dual<Real> -> Dual<Pack>.
template <class S>
struct ChannelsOf {
  using Real = S;
  using Type = Pack<Real>;
  static HOTPP_ALGEBRA Type zero() { return pme::HOTPP_ISA::broadcast<Real, lanes<Real>>(Real(0)); }
  static HOTPP_ALGEBRA Type all(S x) { return pme::HOTPP_ISA::broadcast<Real, lanes<Real>>(x); }
  static HOTPP_ALGEBRA S sum(const Type& x) { return sum_lanes(x.v[0]); }
  static constexpr bool dual = false;
};
template <class R>
struct ChannelsOf<Dual<R>> {
  using Real = R;
  using Plain = ChannelsOf<R>;
  using Type = Dual<Pack<Real>>;
  static HOTPP_ALGEBRA Type zero() { return {Plain::zero(), Plain::zero()}; }
  static HOTPP_ALGEBRA Type all(Dual<R> x) { return {Plain::all(x.value), Plain::all(x.tangent)}; }
  static HOTPP_ALGEBRA Dual<R> sum(const Type& x) { return {Plain::sum(x.value), Plain::sum(x.tangent)}; }
  static constexpr bool dual = true;
};

template <class S>
HOTPP_ALGEBRA auto all_channels(const Vector<S>& v) {
  using Channels = ChannelsOf<S>;
  return Vector<typename Channels::Type>{Channels::all(v.x), Channels::all(v.y), Channels::all(v.z)};
}
template <class S>
HOTPP_ALGEBRA auto all_channels(const Hermite<S>& c) {
  using Channels = ChannelsOf<S>;
  return Hermite<typename Channels::Type>{Channels::all(c.step), Channels::all(c.begin),
                                          Channels::all(c.end)};
}

// ------------------------------------------------------------------------------------- reading and writing

template <class S, class Real>
HOTPP_ALGEBRA Vector<S> load_vector(const Rows<const Real>& rows, const Rows<const Real>& tangents,
                                    std::int64_t e) {
  const Real* const v = rows.data + e * rows.stride;
  if constexpr (ChannelsOf<S>::dual) {
    const Real* const t = tangents.data + e * tangents.stride;
    return {{v[0], t[0]}, {v[1], t[1]}, {v[2], t[2]}};
  } else {
    return {v[0], v[1], v[2]};
  }
}

template <int Rank, class Load>
HOTPP_ALGEBRA auto features_from(const Load& load) {
  Features<decltype(load(0))> h;
  h.s = load(0);
  if constexpr (Rank >= 1) h.v = {load(1), load(2), load(3)};
  if constexpr (Rank >= 2) h.t = {load(4), load(5), load(6), load(7), load(8), load(9)};
  return h;
}

// Features of the channels from `row`, and their tangents, on.
template <int Rank, class S, class Real>
HOTPP_ALGEBRA auto load_features(const Real* row, [[maybe_unused]] const Real* tangents, std::int64_t C) {
  return features_from<Rank>([&](int k) -> typename ChannelsOf<S>::Type {
    if constexpr (ChannelsOf<S>::dual) {
      return {Pack<Real>::load(row + k * C), Pack<Real>::load(tangents + k * C)};
    } else {
      return Pack<Real>::load(row + k * C);
    }
  });
}

template <class Real>
HOTPP_ALGEBRA void add(Real* p, const Pack<Real>& x) {
  (Pack<Real>::load(p) + x).store(p);
}

template <int Rank, class Real, class N>
HOTPP_ALGEBRA void add_features(Real* row, std::int64_t C, const Features<N>& h) {
  add(row, result(h.s));
  if constexpr (Rank >= 1) {
    add(row + C, result(h.v.x));
    add(row + 2 * C, result(h.v.y));
    add(row + 3 * C, result(h.v.z));
  }
  if constexpr (Rank >= 2) {
    add(row + 4 * C, result(h.t.xx));
    add(row + 5 * C, result(h.t.yy));
    add(row + 6 * C, result(h.t.zz));
    add(row + 7 * C, result(h.t.yz));
    add(row + 8 * C, result(h.t.xz));
    add(row + 9 * C, result(h.t.xy));
  }
}

// Here rather than all rows at once before the loops, which would send them through memory twice.
template <class Real>
HOTPP_ALGEBRA void clear(Real* row, std::int64_t n) {
  for (std::int64_t k = 0; k < n; k += lanes<Real>) ChannelsOf<Real>::zero().store(row + k);
}

// The four rows of the table around an edge.
template <int RankIn, int RankOut, class Real>
struct Interval {
  const Real* y0;
  std::int64_t C;
  static constexpr int paths = path_count(RankIn, RankOut);

  HOTPP_ALGEBRA Interval(const Real* table, std::int64_t channels, std::int64_t knot)
      : y0(table + knot * (2 * paths * channels)), C(channels) {}

  struct Values {
    Pack<Real> y0, difference, d0, d1;
  };
  // Path p, channels from c on.
  template <int p>
  HOTPP_ALGEBRA Values load(std::int64_t c, Path<p>) const {
    const Real* const row = y0 + path_row(p, RankIn, RankOut) * C + c;
    const auto first = Pack<Real>::load(row);
    return {first, Pack<Real>::load(row + 2 * paths * C) - first, Pack<Real>::load(row + paths * C),
            Pack<Real>::load(row + 3 * paths * C)};
  }
};

template <class N, class Values>
HOTPP_ALGEBRA N interpolate(const Hermite<N>& coefficient, const Values& v) {
  return v.y0 + coefficient.step * v.difference + coefficient.begin * v.d0 + coefficient.end * v.d1;
}

// ------------------------------------------------------------------------------------------------- loops
//
// kC: number of channels known to the compiler, or 0. Known, it makes all distances within rows constants;
// else computing the addresses costs as much as the arithmetic.

// Edges are placed one ahead of their use: a square root and two divisions take as long as a vector of
// channels.
template <class S>
struct PlacedEdge {
  Edge<S> edge;
  bool inside;

  template <class Real>
  HOTPP_ALGEBRA void place(const MessageJob<Real>& job, std::int64_t e) {
    inside = place_edge(load_vector<S>(job.edge_vectors, job.edge_tangents, e), job.shape, edge);
  }
};

// Messages of the receivers first <= i < last.
template <int RankIn, int RankOut, class S, int kC, class Real>
void sum_messages(const MessageJob<Real>& job, std::int64_t first, std::int64_t last) {
  const std::int64_t C = kC ? kC : job.channels;
  for (std::int64_t i = first; i < last; ++i) {
    Real* const messages = job.messages.data + i * job.messages.stride;
    clear(messages, components(RankOut) * C);
    const std::int64_t begin = job.first[i], end = job.first[i + 1];
    PlacedEdge<S> next;
    if (begin < end) next.place(job, begin);
    for (std::int64_t e = begin; e < end; ++e) {
      const auto [edge, inside] = next;
      if (e + 1 < end) next.place(job, e + 1);
      if (!inside) continue;
      const Interval<RankIn, RankOut, Real> interval(job.table, C, edge.knot);
      const auto u = all_channels(edge.u);
      const auto coefficient = all_channels(hermite<Real>(edge.t));
      const std::int64_t j = job.senders[e];
      const Real* const features = job.features.data + j * job.features.stride;
      const Real* const tangents = job.features_tangent.data + j * job.features_tangent.stride;
      for (std::int64_t c = 0; c < C; c += lanes<Real>) {
        const auto h = load_features<RankIn, S>(features + c, tangents + c, C);
        const auto weight = [&](auto path) { return interpolate(coefficient, interval.load(c, path)); };
        add_features<RankOut>(messages + c, C, message<RankIn, RankOut, Real>(u, h, weight));
      }
    }
  }
}

// Gradients of all edges that senders first <= j < last send along, and of the senders' features.
template <int RankIn, int RankOut, class S, int kC, class Real>
void sum_gradients(const MessageJob<Real>& job, std::int64_t first, std::int64_t last) {
  using Channels = ChannelsOf<S>;
  using N = typename Channels::Type;
  const std::int64_t C = kC ? kC : job.channels;
  for (std::int64_t j = first; j < last; ++j) {
    const Real* const features = job.features.data + j * job.features.stride;
    const Real* const tangents = job.features_tangent.data + j * job.features_tangent.stride;
    Real* const features_gradient = job.features_gradient.data + j * job.features_gradient.stride;
    clear(features_gradient, components(RankIn) * C);
    for (std::int64_t k = job.first[j]; k < job.first[j + 1]; ++k) {
      const std::int64_t e = job.order[k];
      Real* const edge_gradient = job.edge_gradients.data + e * job.edge_gradients.stride;
      Edge<S> edge;
      if (!place_edge(load_vector<S>(job.edge_vectors, job.edge_tangents, e), job.shape, edge)) {
        edge_gradient[0] = edge_gradient[1] = edge_gradient[2] = Real(0);
        continue;
      }
      const Interval<RankIn, RankOut, Real> interval(job.table, C, edge.knot);
      const auto u = all_channels(edge.u);
      const auto coefficient = all_channels(hermite<Real>(edge.t));
      const Real* const cotangent = job.cotangent.data + job.receivers[e] * job.cotangent.stride;
      Vector<N> to_u{Channels::zero(), Channels::zero(), Channels::zero()};
      Hermite<N> to_coefficient{Channels::zero(), Channels::zero(), Channels::zero()};
      for (std::int64_t c = 0; c < C; c += lanes<Real>) {
        const auto h = load_features<RankIn, S>(features + c, tangents + c, C);
        const auto g = load_features<RankOut, Real>(cotangent + c, cotangent, C);
        const auto weight = [&](auto path, const N& to_weight) {
          const auto values = interval.load(c, path);
          to_coefficient.step = to_coefficient.step + to_weight * values.difference;
          to_coefficient.begin = to_coefficient.begin + to_weight * values.d0;
          to_coefficient.end = to_coefficient.end + to_weight * values.d1;
          return interpolate(coefficient, values);
        };
        const auto gradient = gradients<RankIn, RankOut, Real>(u, h, g, weight);
        add_features<RankIn>(features_gradient + c, C, gradient.h);
        if constexpr (RankIn > 0 || RankOut > 0) to_u = to_u + gradient.u;
      }
      const Hermite<S> slope = hermite_slope(edge.t, job.shape);
      const S to_r = slope.step * Channels::sum(to_coefficient.step) +
                     slope.begin * Channels::sum(to_coefficient.begin) +
                     slope.end * Channels::sum(to_coefficient.end);
      const Vector<S> sum_u{Channels::sum(to_u.x), Channels::sum(to_u.y), Channels::sum(to_u.z)};
      const Vector<S> to_vector = vector_gradient(edge, to_r, sum_u);
      edge_gradient[0] = result(to_vector.x);
      edge_gradient[1] = result(to_vector.y);
      edge_gradient[2] = result(to_vector.z);
    }
  }
}

// Gradients of the intervals first <= k < last of the table.
template <int RankIn, int RankOut, class S, int kC, class Real>
void sum_table_gradients(const MessageJob<Real>& job, std::int64_t first, std::int64_t last) {
  using Channels = ChannelsOf<S>;
  using N = typename Channels::Type;
  const std::int64_t C = kC ? kC : job.channels;
  constexpr int paths = path_count(RankIn, RankOut);
  for (std::int64_t knot = first; knot < last; ++knot) {
    Real* const sums = job.intervals_gradient + knot * (4 * paths * C);
    clear(sums, 4 * paths * C);
    for (std::int64_t k = job.first[knot]; k < job.first[knot + 1]; ++k) {
      const std::int64_t e = job.order[k];
      Edge<S> edge;
      if (!place_edge(load_vector<S>(job.edge_vectors, job.edge_tangents, e), job.shape, edge)) continue;
      const auto u = all_channels(edge.u);
      // edge.knot may be the next one: the same length, rounded in another instruction set.
      const Hermite<S> place = hermite<Real>(static_cast<Real>(edge.knot - knot) + edge.t);
      const auto coefficient = all_channels(place);
      const auto rest = Channels::all(Real(1) - place.step);
      const std::int64_t j = job.senders[e];
      const Real* const features = job.features.data + j * job.features.stride;
      const Real* const tangents = job.features_tangent.data + j * job.features_tangent.stride;
      const Real* const cotangent = job.cotangent.data + job.receivers[e] * job.cotangent.stride;
      for (std::int64_t c = 0; c < C; c += lanes<Real>) {
        const auto h = load_features<RankIn, S>(features + c, tangents + c, C);
        const auto g = load_features<RankOut, Real>(cotangent + c, cotangent, C);
        const auto weight = [&](auto path, const N& to_weight) {
          Real* const row = sums + path_row(path.value, RankIn, RankOut) * C + c;
          add(row, result(rest * to_weight));
          add(row + paths * C, result(coefficient.begin * to_weight));
          add(row + 2 * paths * C, result(coefficient.step * to_weight));
          add(row + 3 * paths * C, result(coefficient.end * to_weight));
          return Channels::zero();  // what depends on the weights is not asked for here
        };
        gradients<RankIn, RankOut, Real>(u, h, g, weight);
      }
    }
  }
}

}  // namespace hotpp::ops::HOTPP_ISA
