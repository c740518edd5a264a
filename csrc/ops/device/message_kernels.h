// SPDX-License-Identifier: GPL-2.0-or-later
//
// Kernels of tensor_message and its derivatives, in the form of pme/cuda/block.h. Consecutive threads have
// consecutive channels, so features and table rows are read whole. Every sum belongs to one thread or is
// added up in a fixed order: no atomics, and the same bits every time.
#pragma once

#include "ops/device/message_edge.h"

namespace hotpp::ops::device {

// Edges in the order of the owners of a sum: receivers, senders, or intervals of the table.
struct EdgeGroups {
  const std::int64_t* first;  // [n_owners + 1]
  const std::int64_t* order;  // [E] edge at each place; null: in order
  std::int64_t n_owners;

  HOTPP_DEVICE std::int64_t edge(std::int64_t place) const { return order ? order[place] : place; }
};

// Of a block that begins at `begin`: how many of `all` it has, at most `most`.
HOTPP_HOST_DEVICE inline int share(std::int64_t all, std::int64_t begin, int most) {
  return all - begin < most ? static_cast<int>(all - begin) : most;
}
HOTPP_HOST_DEVICE inline std::int64_t blocks_for(std::int64_t all, int per_block) {
  return (all + per_block - 1) / per_block;
}

// A thread per atom and channel; a block has as many atoms as its threads have room for.
struct ByAtom {
  static constexpr int threads = 128;
  HOTPP_HOST_DEVICE static int atoms(int channels) { return channels < threads ? threads / channels : 1; }
};

// Messages [n_receivers, components, C].
template <int RankIn, int RankOut, class N, class Real>
struct SumMessages : ByAtom {
  MessageArrays<Real> in;
  EdgeGroups by_receiver;
  Real* messages;

  static std::size_t shared_bytes() { return 0; }
  std::int64_t grid() const { return blocks_for(by_receiver.n_owners, atoms(in.channels)); }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const int each = atoms(in.channels);
    const std::int64_t begin = static_cast<std::int64_t>(block.index()) * each;
    block.each(share(by_receiver.n_owners, begin, each) * in.channels,
               [&](int item) { sum(begin + item / in.channels, item % in.channels); });
  }

 private:
  HOTPP_DEVICE void sum(std::int64_t atom, int c) const {
    ChannelSum<RankOut, Real> total;
    for (std::int64_t place = by_receiver.first[atom]; place < by_receiver.first[atom + 1]; ++place) {
      const std::int64_t e = by_receiver.edge(place);
      Edge<N> edge;
      if (!edge_of(in, e, edge)) continue;
      const Hermite<N> at = hermite<Real>(edge.t);
      const RadialWeights<RankIn, RankOut, N, Real> table(in, edge, c);
      const auto h = features_of<RankIn, N>(in.features, in.features_tangent, in.sender(e), in.channels, c);
      total.add(message<RankIn, RankOut, Real>(edge.u, h, [&](auto path) {
        const auto knots = table.load(path);
        return knots.y0 + table.rise(at, knots);
      }));
    }
    total.store(messages, atom, in.channels, c);
  }
};

// Gradients of F = <messages, cotangent> of one edge and channel. by_weight(path, dF/dw, knots of w) is
// called for every weight.
template <int RankIn, int RankOut, class N, class Real, class F>
HOTPP_DEVICE inline Gradients<N> edge_gradients(const MessageArrays<Real>& in, std::int64_t e,
                                                const Edge<N>& edge, const Hermite<N>& at, int c,
                                                const F& by_weight) {
  const RadialWeights<RankIn, RankOut, N, Real> table(in, edge, c);
  const auto h = features_of<RankIn, N>(in.features, in.features_tangent, in.sender(e), in.channels, c);
  const auto g = features_of<RankOut, Real, Real>(in.cotangent, nullptr, in.receivers[e], in.channels, c);
  return gradients<RankIn, RankOut, Real>(edge.u, h, g, [&](auto path, const N& to_weight) {
    const auto knots = table.load(path);
    by_weight(path, to_weight, knots);
    return knots.y0 + table.rise(at, knots);
  });
}

// Gradients [n_senders, components, C] with respect to the features.
template <int RankIn, int RankOut, class N, class Real>
struct SumFeatureGradients : ByAtom {
  MessageArrays<Real> in;
  EdgeGroups by_sender;
  Real* gradient;

  static std::size_t shared_bytes() { return 0; }
  std::int64_t grid() const { return blocks_for(by_sender.n_owners, atoms(in.channels)); }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const int each = atoms(in.channels);
    const std::int64_t begin = static_cast<std::int64_t>(block.index()) * each;
    block.each(share(by_sender.n_owners, begin, each) * in.channels,
               [&](int item) { sum(begin + item / in.channels, item % in.channels); });
  }

 private:
  HOTPP_DEVICE void sum(std::int64_t atom, int c) const {
    ChannelSum<RankIn, Real> total;
    for (std::int64_t place = by_sender.first[atom]; place < by_sender.first[atom + 1]; ++place) {
      const std::int64_t e = by_sender.edge(place);
      Edge<N> edge;
      if (!edge_of(in, e, edge)) continue;
      const auto nothing = [](auto, const N&, const auto&) {};
      total.add(edge_gradients<RankIn, RankOut, N>(in, e, edge, hermite<Real>(edge.t), c, nothing).h);
    }
    total.store(gradient, atom, in.channels, c);
  }
};

// Gradients [E, 3] with respect to the edge vectors: the lanes of an edge share its channels.
template <int RankIn, int RankOut, class N, class Real>
struct SumEdgeGradients {
  static constexpr int edges = 4, lanes = 32, threads = edges * lanes;
  static constexpr int columns = 4 * static_cast<int>(sizeof(N) / sizeof(Real));  // by û and by r

  MessageArrays<Real> in;
  Real* gradient;

  struct Shared {
    Real part[edges][columns][lanes + 1];  // one more, so that neighbours lie in other banks
    Real total[edges][columns];
  };
  static std::size_t shared_bytes() { return sizeof(Shared); }
  std::int64_t grid() const { return blocks_for(in.n_edges, edges); }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    Shared& shared = *static_cast<Shared*>(block.shared());
    const std::int64_t begin = static_cast<std::int64_t>(block.index()) * edges;
    const int m = share(in.n_edges, begin, edges);
    block.each(m * lanes, [&](int item) {
      const int lane = item % lanes;
      N sum[4] = {};
      add_channels(begin + item / lanes, lane, sum);
      HOTPP_UNROLL for (int k = 0; k < 4; ++k) put(shared.part[item / lanes], lane, k, sum[k]);
    });
    block.each(m * columns, [&](int item) {
      const int e = item / columns, column = item % columns;
      Real sum = 0;
      for (int lane = 0; lane < lanes; ++lane) sum += shared.part[e][column][lane];
      shared.total[e][column] = sum;
    });
    block.each(m, [&](int e) {
      Edge<N> edge;
      const bool inside = edge_of(in, begin + e, edge);
      Real* const to = gradient + 3 * (begin + e);
      HOTPP_UNROLL for (int a = 0; a < 3; ++a) to[a] = 0;
      if (!inside) return;
      const Real* const total = shared.total[e];
      const auto get = [&](int k) { return read<N>(total, total + 4, k); };
      const Vector<N> by_vector = vector_gradient(edge, get(3), Vector<N>{get(0), get(1), get(2)});
      to[0] = result(by_vector.x);
      to[1] = result(by_vector.y);
      to[2] = result(by_vector.z);
    });
  }

 private:
  HOTPP_DEVICE void add_channels(std::int64_t e, int lane, N* sum) const {
    Edge<N> edge;
    if (!edge_of(in, e, edge)) return;
    const Hermite<N> at = hermite<Real>(edge.t), slope = hermite_slope(edge.t, in.shape);
    for (int c = lane; c < in.channels; c += lanes) {
      const auto by_r = [&](auto, const N& to_weight, const auto& knots) {
        sum[3] = sum[3] + to_weight * RadialWeights<RankIn, RankOut, N, Real>::rise(slope, knots);
      };
      const auto by = edge_gradients<RankIn, RankOut, N>(in, e, edge, at, c, by_r);
      if constexpr (RankIn + RankOut > 0) {
        sum[0] = sum[0] + by.u.x;
        sum[1] = sum[1] + by.u.y;
        sum[2] = sum[2] + by.u.z;
      }
    }
  }
  HOTPP_DEVICE static void put(Real (*part)[lanes + 1], int lane, int k, Real x) { part[k][lane] = x; }
  HOTPP_DEVICE static void put(Real (*part)[lanes + 1], int lane, int k, Dual<Real> x) {
    part[k][lane] = x.value;
    part[4 + k][lane] = x.tangent;
  }
};

// The lower knot of every edge; knots - 1, where no interval begins, beyond the cutoff.
template <class Real>
struct FindKnots {
  static constexpr int threads = 256;

  MessageArrays<Real> in;
  std::int64_t* knots;  // [E]

  static std::size_t shared_bytes() { return 0; }
  std::int64_t grid() const { return blocks_for(in.n_edges, threads); }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const std::int64_t begin = static_cast<std::int64_t>(block.index()) * threads;
    block.each(share(in.n_edges, begin, threads), [&](int t) {
      Edge<Real> edge;
      knots[begin + t] = edge_of(in, begin + t, edge) ? edge.knot : in.shape.knots - 1;
    });
  }
};

// Gradient with respect to the table, first part: the edges of every interval, cut into `parts` pieces, give
// the gradients of its four rows y0, d0, y1, d1.
template <int RankIn, int RankOut, class N, class Real>
struct SumTableGradients {
  static constexpr int threads = 64, paths = path_count(RankIn, RankOut);

  MessageArrays<Real> in;
  EdgeGroups by_knot;
  int parts;
  Real* partial;  // [knots - 1, parts, 4, paths, C]

  static std::size_t shared_bytes() { return 0; }
  std::int64_t grid() const { return by_knot.n_owners * parts; }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const int knot = block.index() / parts, part = block.index() % parts;
    const std::int64_t first = by_knot.first[knot], count = by_knot.first[knot + 1] - first;
    const std::int64_t begin = first + count * part / parts, end = first + count * (part + 1) / parts;
    Real* const rows = partial + static_cast<std::int64_t>(block.index()) * 4 * paths * in.channels;
    block.each(in.channels, [&](int c) {
      Real sum[4][paths];
      HOTPP_UNROLL for (int k = 0; k < 4 * paths; ++k) sum[k / paths][k % paths] = 0;
      for (std::int64_t place = begin; place < end; ++place) add(by_knot.edge(place), c, sum);
      HOTPP_UNROLL for (int k = 0; k < 4 * paths; ++k) rows[static_cast<std::int64_t>(k) * in.channels + c] =
          sum[k / paths][k % paths];
    });
  }

 private:
  HOTPP_DEVICE void add(std::int64_t e, int c, Real (*sum)[paths]) const {
    Edge<N> edge;
    if (!edge_of(in, e, edge)) return;
    const Hermite<N> at = hermite<Real>(edge.t);
    edge_gradients<RankIn, RankOut, N>(in, e, edge, at, c, [&](auto path, const N& to_weight, const auto&) {
      constexpr int p = path_row(decltype(path)::value, RankIn, RankOut);
      const N rise = to_weight * at.step;
      sum[0][p] += result(to_weight) - result(rise);
      sum[1][p] += result(to_weight * at.begin);
      sum[2][p] += result(rise);
      sum[3][p] += result(to_weight * at.end);
    });
  }
};

// Second part: a knot gets the upper rows of the interval below it and the lower rows of the one above.
template <class Real>
struct FinishTableGradients {
  static constexpr int threads = 256;

  const Real* partial;  // [knots - 1, parts, 4, row]
  std::int64_t knots;
  int parts;
  std::int64_t row;  // paths times channels
  Real* gradient;    // [knots, 2, row]

  static std::size_t shared_bytes() { return 0; }
  HOTPP_HOST_DEVICE std::int64_t size() const { return 2 * knots * row; }
  std::int64_t grid() const { return blocks_for(size(), threads); }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    const std::int64_t begin = static_cast<std::int64_t>(block.index()) * threads;
    block.each(share(size(), begin, threads), [&](int t) {
      const std::int64_t i = begin + t, place = i % row, knot = i / row / 2;
      const int which = static_cast<int>(i / row % 2);
      double sum = 0.0;
      if (knot > 0) sum += of_interval(knot - 1, 2 + which, place);
      if (knot < knots - 1) sum += of_interval(knot, which, place);
      gradient[i] = static_cast<Real>(sum);
    });
  }

 private:
  HOTPP_DEVICE double of_interval(std::int64_t knot, int j, std::int64_t place) const {
    double sum = 0.0;
    for (int part = 0; part < parts; ++part) sum += partial[((knot * parts + part) * 4 + j) * row + place];
    return sum;
  }
};

}  // namespace hotpp::ops::device
