// SPDX-License-Identifier: GPL-2.0-or-later
//
// The algebra of a message on one edge and one channel.
//
// The message from features h = (s, v, T) along û with radial weights w, contracted with a cotangent
// g = (s', v', T') of the receiver, is the scalar
//
//   F = s' (w0 s + w1 v·û + w2 ûTû)
//     + v'·[û (w3 s + w4 v·û) + w5 v + w6 Tû]
//     + T':[sym(û ⊗ (w7 s û + w8 v + w9 Tû)) + w10 T],
//
// linear in h, w and g. `message` is ∂F/∂g; `gradients` are ∂F/∂h, ∂F/∂û and ∂F/∂w. With dual numbers for h,
// û and w, the tangent parts of the same two functions are what the double backward needs: each formula is
// written once. Paths that do not exist between two ranks vanish at compile time.
//
// Weights are asked for one by one, where they are used: all of them do not fit into registers.
#pragma once

#include <type_traits>

#include "ops/tensor_message_algebra.h"

namespace hotpp::ops {

constexpr int kPaths = 11;

HOTPP_HOST_DEVICE constexpr int components(int rank) { return rank == 0 ? 1 : rank == 1 ? 4 : 10; }
HOTPP_HOST_DEVICE constexpr bool path_exists(int path, int rank_in, int rank_out) {
  constexpr int in[kPaths] = {0, 1, 2, 0, 1, 1, 2, 0, 1, 2, 2};
  constexpr int out[kPaths] = {0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2};
  return in[path] <= rank_in && out[path] <= rank_out;
}
// How many of the paths below `path` exist: the row of the radial weights that belongs to it.
HOTPP_HOST_DEVICE constexpr int path_row(int path, int rank_in, int rank_out) {
  int row = 0;
  for (int p = 0; p < path; ++p) row += path_exists(p, rank_in, rank_out);
  return row;
}
HOTPP_HOST_DEVICE constexpr int path_count(int rank_in, int rank_out) {
  return path_row(kPaths, rank_in, rank_out);
}

template <int p>
using Path = std::integral_constant<int, p>;

// Members above the rank in use are never read or written.
template <class N>
struct Features {
  N s;
  Vector<N> v;
  Symmetric<N> t;
};

// weight(Path<p>{}) -> w_p.
template <int RankIn, int RankOut, class Real, class N, class Weight>
HOTPP_ALGEBRA Features<N> message(const Vector<N>& u, const Features<N>& h, const Weight& weight) {
  Features<N> out;
  Vector<N> tu;  // Tû
  N vu;          // v·û

  out.s = weight(Path<0>{}) * h.s;
  if constexpr (RankIn >= 1) {
    vu = dot(h.v, u);
    out.s = out.s + weight(Path<1>{}) * vu;
  }
  if constexpr (RankIn >= 2) {
    tu = apply(h.t, u);
    out.s = out.s + weight(Path<2>{}) * dot(tu, u);
  }

  if constexpr (RankOut >= 1) {
    N along = weight(Path<3>{}) * h.s;
    if constexpr (RankIn >= 1) along = along + weight(Path<4>{}) * vu;
    out.v = scale(along, u);
    if constexpr (RankIn >= 1) out.v = out.v + scale(weight(Path<5>{}), h.v);
    if constexpr (RankIn >= 2) out.v = out.v + scale(weight(Path<6>{}), tu);
  }
  if constexpr (RankOut >= 2) {
    const Real half(0.5);
    Vector<N> partner = scale(weight(Path<7>{}) * h.s, u);
    if constexpr (RankIn >= 1) partner = partner + scale(weight(Path<8>{}), h.v);
    if constexpr (RankIn >= 2) partner = partner + scale(weight(Path<9>{}), tu);
    // sym(û ⊗ p) = outer with halved off-diagonal; halving û is done once for all channels
    const Vector<N> hu = scale(half, u);
    const Vector<N>& p = partner;
    out.t = {u.x * p.x,
             u.y * p.y,
             u.z * p.z,
             hu.y * p.z + hu.z * p.y,
             hu.x * p.z + hu.z * p.x,
             hu.x * p.y + hu.y * p.x};
    if constexpr (RankIn >= 2) out.t = out.t + scale(weight(Path<10>{}), h.t);
  }
  return out;
}

template <class N>
struct Gradients {
  Features<N> h;
  Vector<N> u;
};

// weight(Path<p>{}, ∂F/∂w_p) -> w_p, in the order in which the fewest numbers are alive.
// The cotangent g has no tangent part in the double backward (N dual, G plain). Between scalars, u is not
// set.
template <int RankIn, int RankOut, class Real, class N, class G, class Weight>
HOTPP_ALGEBRA Gradients<N> gradients(const Vector<N>& u, const Features<N>& h, const Features<G>& g,
                                     const Weight& weight) {
  Gradients<N> out;
  Vector<N> tu;     // Tû
  Vector<N> to_tu;  // ∂F/∂(Tû)
  N vu, to_vu;      // v·û and ∂F/∂(v·û)

  // Scalar messages.
  out.h.s = g.s * weight(Path<0>{}, g.s * h.s);
  if constexpr (RankIn >= 1) {
    vu = dot(h.v, u);
    to_vu = g.s * weight(Path<1>{}, g.s * vu);
  }
  if constexpr (RankIn >= 2) {
    tu = apply(h.t, u);
    const N ws = g.s * weight(Path<2>{}, g.s * dot(tu, u));
    to_tu = scale(ws, u);
    out.u = scale(ws, tu);
  }

  // Vector messages.
  if constexpr (RankOut >= 1) {
    const N along = dot(g.v, u);  // v'·û
    const N w3 = weight(Path<3>{}, along * h.s);
    out.h.s = out.h.s + along * w3;
    N to_along = w3 * h.s;
    if constexpr (RankIn >= 1) {
      const N w4 = weight(Path<4>{}, along * vu);
      to_vu = to_vu + w4 * along;
      to_along = to_along + w4 * vu;
      out.h.v = scale(weight(Path<5>{}, dot(g.v, h.v)), g.v);
    }
    if constexpr (RankIn >= 2) {
      to_tu = to_tu + scale(weight(Path<6>{}, dot(g.v, tu)), g.v);
      out.u = out.u + scale(to_along, g.v);
    } else {
      out.u = scale(to_along, g.v);
    }
  }

  // Rank-2 messages.
  if constexpr (RankOut >= 2) {
    const Symmetric<G> g_half = halve_off_diagonal<Real>(g.t);
    const Vector<N> gu = apply(g_half, u);  // T':sym(û⊗p) = gu·p
    const N ugu = dot(gu, u);
    const N w7 = weight(Path<7>{}, ugu * h.s);
    out.h.s = out.h.s + ugu * w7;
    const N ws = w7 * h.s;
    out.u = out.u + scale(ws, gu);
    Vector<N> to_gu = scale(ws, u);  // ∂F/∂gu
    if constexpr (RankIn >= 1) {
      const N w8 = weight(Path<8>{}, dot(gu, h.v));
      to_gu = to_gu + scale(w8, h.v);
      out.h.v = out.h.v + scale(w8, gu);
    }
    if constexpr (RankIn >= 2) {
      const N w9 = weight(Path<9>{}, dot(gu, tu));
      to_gu = to_gu + scale(w9, tu);
      to_tu = to_tu + scale(w9, gu);
    }
    out.u = out.u + apply(g_half, to_gu);
  }

  // Through v·û and Tû.
  if constexpr (RankIn >= 1) {
    const Vector<N> to_v = scale(to_vu, u);
    if constexpr (RankOut >= 1) {
      out.h.v = out.h.v + to_v;
    } else {
      out.h.v = to_v;
    }
    const Vector<N> through = scale(to_vu, h.v);
    if constexpr (RankIn >= 2 || RankOut >= 1) {
      out.u = out.u + through;
    } else {
      out.u = through;
    }
  }
  if constexpr (RankIn >= 2) {
    out.u = out.u + apply(h.t, to_tu);
    out.h.t = outer(u, to_tu);
    if constexpr (RankOut >= 2) out.h.t = out.h.t + scale(weight(Path<10>{}, dot(g.t, h.t)), g.t);
  }
  return out;
}

}  // namespace hotpp::ops
