// SPDX-License-Identifier: GPL-2.0-or-later
//
// Kernels of tensor_message and its derivatives, in the form of pme/cuda/block.h. N is Real, or Dual<Real>
// for the derivative along a tangent. Consecutive threads have consecutive channels, so features and table
// rows are read whole. Every sum belongs to one thread, or is added up in a fixed order: the same bits every
// time.
#pragma once

#include "ops/device/message_edge.h"

namespace hotpp::ops::device {

using pme::cuda::minimum_of;

constexpr int message_threads = 128;

// Atoms that one block of sum_threads works on, a thread per channel.
HOTPP_HOST_DEVICE inline int atoms_per_block(int channels) {
  return channels < message_threads ? message_threads / channels : 1;
}

// Edges in the order of the atoms that own a sum.
struct EdgeGroups {
  const std::int64_t* first;  // [n_atoms + 1]
  const std::int64_t* order;  // [E] edge at each place; null: in order
  std::int64_t n_atoms;

  HOTPP_DEVICE std::int64_t edge(std::int64_t place) const { return order ? order[place] : place; }
};

// A thread per atom of a group and channel adds up what sum(edge, channel, total) gives.
template <class Block, class Total, class Add, class Store>
HOTPP_DEVICE inline void for_groups(Block& block, const EdgeGroups& groups, int channels, const Total& zero,
                                    const Add& add, const Store& store) {
  const int each = atoms_per_block(channels);
  const std::int64_t begin = static_cast<std::int64_t>(block.index()) * each;
  const std::int64_t left = groups.n_atoms - begin;
  block.each(static_cast<int>(left < each ? left : each) * channels, [&](int item) {
    const std::int64_t atom = begin + item / channels;
    const int c = item % channels;
    Total total = zero;
    for (std::int64_t place = groups.first[atom]; place < groups.first[atom + 1]; ++place)
      add(groups.edge(place), c, total);
    store(atom, c, total);
  });
}

// Messages [n_receivers, components, C].
template <int RankIn, int RankOut, class Real, class N>
struct SumMessages {
  static constexpr int threads = message_threads;

  MessageInput<Real> in;
  EdgeGroups by_receiver;
  Real* messages;

  static std::size_t shared_bytes() { return 0; }
  std::int64_t grid() const {
    const int each = atoms_per_block(in.channels);
    return (by_receiver.n_atoms + each - 1) / each;
  }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    using Total = ChannelSum<RankOut, Real>;
    for_groups(
        block, by_receiver, in.channels, Total(),
        [&](std::int64_t edge, int c, Total& total) {
          const Bond<Real, N> bond(in, edge);
          if (!bond.inside) return;
          const auto w = radial_weights<RankIn, RankOut, Real, N>(in, bond.knot, bond.value, c);
          const Reader<N, Real> features{in.features, in.features_tangent};
          const auto h = load_channel<RankIn>(features, in.senders[edge], in.channels, c);
          total.add(message<RankIn, RankOut, Real>(bond.u, w, h));
        },
        [&](std::int64_t atom, int c, const Total& total) { total.store(messages, atom, in.channels, c); });
  }
};

// Gradients [n_senders, components, C] with respect to the features.
template <int RankIn, int RankOut, class Real, class N>
struct SumFeatureGradients {
  static constexpr int threads = message_threads;

  MessageInput<Real> in;
  const Real* cotangent;  // [n_receivers, components, C]
  EdgeGroups by_sender;
  Real* gradient;

  static std::size_t shared_bytes() { return 0; }
  std::int64_t grid() const {
    const int each = atoms_per_block(in.channels);
    return (by_sender.n_atoms + each - 1) / each;
  }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    using Total = ChannelSum<RankIn, Real>;
    for_groups(
        block, by_sender, in.channels, Total(),
        [&](std::int64_t edge, int c, Total& total) {
          const Bond<Real, N> bond(in, edge);
          if (!bond.inside) return;
          const auto w = radial_weights<RankIn, RankOut, Real, N>(in, bond.knot, bond.value, c);
          const Reader<N, Real> features{in.features, in.features_tangent};
          const auto h = load_channel<RankIn>(features, in.senders[edge], in.channels, c);
          const Reader<Real, Real> seed{cotangent, nullptr};
          const auto g = load_channel<RankOut>(seed, in.receivers[edge], in.channels, c);
          total.add(gradients<RankIn, RankOut, Real>(bond.u, w, h, g).h);
        },
        [&](std::int64_t atom, int c, const Total& total) { total.store(gradient, atom, in.channels, c); });
  }
};

// Gradients [E, 3] with respect to the edge vectors: 32 threads share the channels of an edge. With F the
// contraction of the message with the cotangent,
//   dF/dd = [dF/du - u (u · dF/du)] / r + u dF/dr,   dF/dr = sum_paths dF/dw w'(r).
template <int RankIn, int RankOut, class Real, class N>
struct EdgeGradients {
  static constexpr int edges = 4, lanes = 32, threads = edges * lanes, columns = sizeof(N) / sizeof(Real) * 4;

  MessageInput<Real> in;
  const Real* cotangent;
  Real* gradient;

  struct Shared {
    Real part[edges][columns][lanes + 1];  // one more: other banks
    Real total[edges][columns];
  };
  static std::size_t shared_bytes() { return sizeof(Shared); }
  std::int64_t grid() const { return (in.n_edges + edges - 1) / edges; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& shared = *static_cast<Shared*>(block.shared());
    const std::int64_t begin = static_cast<std::int64_t>(block.index()) * edges, left = in.n_edges - begin;
    const int m = static_cast<int>(left < edges ? left : edges);
    block.each(m * lanes, [&](int item) {
      const int e = item / lanes, lane = item % lanes;
      const Bond<Real, N> bond(in, begin + e);
      N sum[4] = {};
      if (bond.inside)
        for (int c = lane; c < in.channels; c += lanes) add(bond, begin + e, c, sum);
      HOTPP_UNROLL for (int k = 0; k < 4; ++k) put(shared.part[e], lane, k, sum[k]);
    });
    block.each(m * columns, [&](int item) {
      const Real* const part = shared.part[item / columns][item % columns];
      Real sum = 0;
      for (int lane = 0; lane < lanes; ++lane) sum += part[lane];
      shared.total[item / columns][item % columns] = sum;
    });
    block.each(m, [&](int e) {
      const Bond<Real, N> bond(in, begin + e);
      Real result[3] = {};
      if (bond.inside) {
        const Reader<N, Real> total{shared.total[e], shared.total[e] + 4};
        const Vector<N> by_u{total[0], total[1], total[2]};
        const N along = dot(by_u, bond.u) * Real(-1);
        const Vector<N> by_d =
            scale(bond.inverse_length, by_u + scale(along, bond.u)) + scale(total[3], bond.u);
        result[0] = delivered(by_d.x);
        result[1] = delivered(by_d.y);
        result[2] = delivered(by_d.z);
      }
      HOTPP_UNROLL for (int a = 0; a < 3; ++a) gradient[3 * (begin + e) + a] = result[a];
    });
  }

 private:
  HOTPP_DEVICE void add(const Bond<Real, N>& bond, std::int64_t edge, int c, N* sum) const {
    const auto w = radial_weights<RankIn, RankOut, Real, N>(in, bond.knot, bond.value, c);
    const Reader<N, Real> features{in.features, in.features_tangent};
    const auto h = load_channel<RankIn>(features, in.senders[edge], in.channels, c);
    const Reader<Real, Real> seed{cotangent, nullptr};
    const auto g = load_channel<RankOut>(seed, in.receivers[edge], in.channels, c);
    const auto by = gradients<RankIn, RankOut, Real>(bond.u, w, h, g);
    const auto slopes = radial_weights<RankIn, RankOut, Real, N>(in, bond.knot, bond.slope, c);
    sum[0] = sum[0] + by.u.x;
    sum[1] = sum[1] + by.u.y;
    sum[2] = sum[2] + by.u.z;
    for_paths<RankIn, RankOut>(
        [&](auto path, auto) { sum[3] = sum[3] + by.w.w[path.value] * slopes.w[path.value]; });
  }
  HOTPP_DEVICE static void put(Real (*part)[lanes + 1], int lane, int k, Real x) { part[k][lane] = x; }
  HOTPP_DEVICE static void put(Real (*part)[lanes + 1], int lane, int k, Dual<Real> x) {
    part[k][lane] = x.value;
    part[4 + k][lane] = x.tangent;
  }
};

// The knot below every edge; knots - 1 beyond the cutoff, where there is none.
template <class Real>
struct FindKnots {
  static constexpr int threads = 256;

  MessageInput<Real> in;
  std::int64_t* knots;  // [E]

  static std::size_t shared_bytes() { return 0; }
  std::int64_t grid() const { return (in.n_edges + threads - 1) / threads; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const std::int64_t begin = static_cast<std::int64_t>(block.index()) * threads, left = in.n_edges - begin;
    block.each(static_cast<int>(left < threads ? left : threads), [&](int t) {
      const Bond<Real, Real> bond(in, begin + t);
      knots[begin + t] = bond.inside ? bond.knot : in.knots - 1;
    });
  }
};

// Gradient with respect to the table, first part: the edges of an interval between two knots, cut into
// `parts` pieces, to the four rows of the interval.
template <int RankIn, int RankOut, class Real, class N>
struct SumTableGradients {
  static constexpr int threads = 64, paths = path_count(RankIn, RankOut);

  MessageInput<Real> in;
  const Real* cotangent;
  EdgeGroups by_knot;  // knots - 1 groups
  int parts;
  Real* partial;  // [knots - 1, parts, 4, paths, C]

  static std::size_t shared_bytes() { return 0; }
  std::int64_t grid() const { return by_knot.n_atoms * parts; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const int knot = block.index() / parts, part = block.index() % parts;
    const std::int64_t first = by_knot.first[knot], count = by_knot.first[knot + 1] - first;
    const std::int64_t begin = first + count * part / parts, end = first + count * (part + 1) / parts;
    Real* const rows = partial + static_cast<std::int64_t>(block.index()) * 4 * paths * in.channels;
    block.each(in.channels, [&](int c) {
      Real sum[4][paths] = {};
      for (std::int64_t place = begin; place < end; ++place) add(by_knot.edge(place), c, sum);
      HOTPP_UNROLL for (int j = 0; j < 4; ++j) {
        HOTPP_UNROLL for (int p = 0; p < paths; ++p) rows[(j * paths + p) * in.channels + c] = sum[j][p];
      }
    });
  }

 private:
  HOTPP_DEVICE void add(std::int64_t edge, int c, Real (*sum)[paths]) const {
    const Bond<Real, N> bond(in, edge);
    if (!bond.inside) return;
    const auto w = radial_weights<RankIn, RankOut, Real, N>(in, bond.knot, bond.value, c);
    const Reader<N, Real> features{in.features, in.features_tangent};
    const auto h = load_channel<RankIn>(features, in.senders[edge], in.channels, c);
    const Reader<Real, Real> seed{cotangent, nullptr};
    const auto g = load_channel<RankOut>(seed, in.receivers[edge], in.channels, c);
    const auto by = gradients<RankIn, RankOut, Real>(bond.u, w, h, g);
    for_paths<RankIn, RankOut>([&](auto path, auto place) {
      HOTPP_UNROLL for (int j = 0; j < 4; ++j) sum[j][place.value] +=
          delivered(by.w.w[path.value] * bond.value[j]);
    });
  }
};

// Second part: a knot gets the upper rows of the interval below it and the lower rows of the one above.
template <class Real>
struct FinishTableGradients {
  static constexpr int threads = 256;

  const Real* partial;  // [knots - 1, parts, 4, row]
  int knots, parts;
  std::int64_t row;  // paths times channels
  Real* gradient;    // [knots, 2, row]

  static std::size_t shared_bytes() { return 0; }
  std::int64_t size() const { return 2 * knots * row; }
  std::int64_t grid() const { return (size() + threads - 1) / threads; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const std::int64_t begin = static_cast<std::int64_t>(block.index()) * threads, left = size() - begin;
    block.each(static_cast<int>(left < threads ? left : threads), [&](int t) {
      const std::int64_t i = begin + t, place = i % row;
      const int knot = static_cast<int>(i / row / 2), which = static_cast<int>(i / row % 2);
      double sum = 0.0;
      if (knot > 0) sum += interval(knot - 1, 2 + which, place);
      if (knot < knots - 1) sum += interval(knot, which, place);
      gradient[i] = static_cast<Real>(sum);
    });
  }

 private:
  HOTPP_DEVICE double interval(int knot, int j, std::int64_t place) const {
    double sum = 0.0;
    for (int part = 0; part < parts; ++part)
      sum += partial[((static_cast<std::int64_t>(knot) * parts + part) * 4 + j) * row + place];
    return sum;
  }
};

}  // namespace hotpp::ops::device
