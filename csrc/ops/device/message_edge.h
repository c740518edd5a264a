// SPDX-License-Identifier: GPL-2.0-or-later
//
// One edge and one channel of tensor_message on a device: geometry, cubic Hermite interpolation of the radial
// table, reading and writing. The algebra is that of ops/tensor_message_kernel.h; with dual numbers
// everything here gives the derivative along a tangent as well.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "ops/tensor_message_kernel.h"
#include "pme/cuda/block.h"

namespace hotpp::ops::device {

// Tangents may be null: zero.
template <class Real>
struct MessageInput {
  const Real *features, *features_tangent;  // [n_senders, 1 | 4 | 10, C]
  const Real *vectors, *vectors_tangent;    // [E, 3] from receiver to sender, Å
  const Real *table, *table_tangent;        // [knots, 2, n_paths, C]: value, slope times spacing
  const std::int64_t *receivers, *senders;  // [E]
  std::int64_t n_edges;
  int channels, knots;
  Real cutoff, knots_per_length;  // Å, 1/Å
};

// An array and its tangent read as numbers N.
template <class N, class Real>
struct Reader {
  const Real *value, *tangent;

  HOTPP_DEVICE N operator[](std::int64_t i) const {
    if constexpr (std::is_same_v<N, Real>)
      return value[i];
    else
      return {value[i], tangent ? tangent[i] : Real(0)};
  }
};

// What a kernel delivers: the number itself, or the tangent of a dual one.
template <class Real>
HOTPP_HOST_DEVICE inline Real delivered(Real x) {
  return x;
}
template <class Real>
HOTPP_HOST_DEVICE inline Real delivered(Dual<Real> x) {
  return x.tangent;
}

// How one edge lies, and the weights of the four table rows 2 knot ... 2 knot + 3 in the radial weights and
// in their derivatives by r.
template <class Real, class N>
struct Bond {
  bool inside;  // r < cutoff; else nothing else is set
  int knot;
  Vector<N> u;
  N inverse_length;
  N value[4], slope[4];

  HOTPP_DEVICE Bond(const MessageInput<Real>& in, std::int64_t edge) {
    const Reader<N, Real> vectors{in.vectors, in.vectors_tangent};
    const Vector<N> d{vectors[3 * edge], vectors[3 * edge + 1], vectors[3 * edge + 2]};
    set(in, d);
  }

 private:
  HOTPP_DEVICE void set(const MessageInput<Real>& in, const Vector<Real>& d) {
    const Real r = place(in, d);
    if (!inside) return;
    inverse_length = Real(1) / r;
    u = scale(inverse_length, d);
    Real basis[3][4];
    hermite(in, r, basis);
    HOTPP_UNROLL for (int j = 0; j < 4; ++j) {
      value[j] = basis[0][j];
      slope[j] = basis[1][j];
    }
  }
  HOTPP_DEVICE void set(const MessageInput<Real>& in, const Vector<Dual<Real>>& d) {
    const Real r = place(in, {d.x.value, d.y.value, d.z.value});
    if (!inside) return;
    const Real inverse = Real(1) / r;
    const Real along =
        inverse * (d.x.value * d.x.tangent + d.y.value * d.y.tangent + d.z.value * d.z.tangent);
    inverse_length = {inverse, -inverse * inverse * along};
    u = scale(inverse_length, d);
    Real basis[3][4];
    hermite(in, r, basis);
    HOTPP_UNROLL for (int j = 0; j < 4; ++j) {
      value[j] = {basis[0][j], along * basis[1][j]};
      slope[j] = {basis[1][j], along * basis[2][j]};
    }
  }
  HOTPP_DEVICE Real place(const MessageInput<Real>& in, const Vector<Real>& d) {
    const Real r = sqrt(d.x * d.x + d.y * d.y + d.z * d.z);
    inside = r < in.cutoff;
    return r;
  }
  // Cubic Hermite basis of the four rows and its first two derivatives by r.
  HOTPP_DEVICE void hermite(const MessageInput<Real>& in, Real r, Real basis[3][4]) {
    const Real x = r * in.knots_per_length, s = in.knots_per_length;
    knot = pme::cuda::minimum_of(static_cast<int>(x), in.knots - 2);
    const Real t = x - static_cast<Real>(knot), t2 = t * t, t3 = t2 * t;
    const Real b[3][4] = {{1 - 3 * t2 + 2 * t3, t - 2 * t2 + t3, 3 * t2 - 2 * t3, t3 - t2},
                          {6 * t2 - 6 * t, 1 - 4 * t + 3 * t2, 6 * t - 6 * t2, 3 * t2 - 2 * t},
                          {12 * t - 6, 6 * t - 4, 6 - 12 * t, 6 * t - 2}};
    HOTPP_UNROLL for (int j = 0; j < 4; ++j) {
      basis[0][j] = b[0][j];
      basis[1][j] = s * b[1][j];
      basis[2][j] = s * s * b[2][j];
    }
  }
};

// Calls f(integral_constant<path>) for every path that exists, with its row in the table.
template <int RankIn, int RankOut, int Path = 0, class F>
HOTPP_DEVICE inline void for_paths(const F& f) {
  if constexpr (path_exists(Path, RankIn, RankOut))
    f(std::integral_constant<int, Path>{}, std::integral_constant<int, path_row(Path, RankIn, RankOut)>{});
  if constexpr (Path + 1 < kPaths) for_paths<RankIn, RankOut, Path + 1>(f);
}

// Radial weights of channel c by factors (Bond::value or slope).
template <int RankIn, int RankOut, class Real, class N>
HOTPP_DEVICE inline Weights<N> radial_weights(const MessageInput<Real>& in, int knot, const N* factors,
                                              int c) {
  constexpr int paths = path_count(RankIn, RankOut);
  const std::int64_t row = static_cast<std::int64_t>(paths) * in.channels;
  const Reader<N, Real> table{in.table, in.table_tangent};
  Weights<N> weights;
  for_paths<RankIn, RankOut>([&](auto path, auto place) {
    const std::int64_t at = 2 * knot * row + place.value * static_cast<std::int64_t>(in.channels) + c;
    weights.w[path.value] = factors[0] * table[at] + factors[1] * table[at + row] +
                            factors[2] * table[at + 2 * row] + factors[3] * table[at + 3 * row];
  });
  return weights;
}

// Features [.., C] of one atom and channel.
template <int Rank, class N, class Real>
HOTPP_DEVICE inline Features<N> load_channel(Reader<N, Real> all, std::int64_t atom, int channels, int c) {
  const std::int64_t C = channels, at = components(Rank) * atom * C + c;
  Features<N> h;
  h.s = all[at];
  if constexpr (Rank >= 1) h.v = {all[at + C], all[at + 2 * C], all[at + 3 * C]};
  if constexpr (Rank >= 2)
    h.t = {all[at + 4 * C], all[at + 5 * C], all[at + 6 * C],
           all[at + 7 * C], all[at + 8 * C], all[at + 9 * C]};
  return h;
}

// A sum over edges, in registers.
template <int Rank, class Real>
struct ChannelSum {
  Real sum[components(Rank)];

  HOTPP_DEVICE ChannelSum() { HOTPP_UNROLL for (int k = 0; k < components(Rank); ++k) sum[k] = 0; }
  template <class N>
  HOTPP_DEVICE void add(const Features<N>& h) {
    sum[0] += delivered(h.s);
    if constexpr (Rank >= 1) {
      sum[1] += delivered(h.v.x);
      sum[2] += delivered(h.v.y);
      sum[3] += delivered(h.v.z);
    }
    if constexpr (Rank >= 2) {
      sum[4] += delivered(h.t.xx);
      sum[5] += delivered(h.t.yy);
      sum[6] += delivered(h.t.zz);
      sum[7] += delivered(h.t.yz);
      sum[8] += delivered(h.t.xz);
      sum[9] += delivered(h.t.xy);
    }
  }
  HOTPP_DEVICE void store(Real* all, std::int64_t atom, int channels, int c) const {
    HOTPP_UNROLL for (int k = 0; k < components(Rank); ++k)
        all[(components(Rank) * atom + k) * channels + c] = sum[k];
  }
};

}  // namespace hotpp::ops::device
