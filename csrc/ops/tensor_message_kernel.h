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
#pragma once

#include <utility>

#if defined(__GNUC__)
#define HOTPP_INLINE __attribute__((always_inline)) inline
#else
#define HOTPP_INLINE inline
#endif

namespace hotpp::ops {

// A number and its derivative along one direction in the space of all inputs.
template <class Real>
struct Dual {
  Real value, tangent;
};

template <class R>
HOTPP_INLINE Dual<R> operator+(Dual<R> a, Dual<R> b) {
  return {a.value + b.value, a.tangent + b.tangent};
}
template <class R>
HOTPP_INLINE Dual<R> operator*(Dual<R> a, Dual<R> b) {
  return {a.value * b.value, a.value * b.tangent + a.tangent * b.value};
}
template <class R>
HOTPP_INLINE Dual<R> operator*(Dual<R> a, R b) {
  return {a.value * b, a.tangent * b};
}
template <class R>
HOTPP_INLINE Dual<R> operator*(R a, Dual<R> b) {
  return {a * b.value, a * b.tangent};
}

template <class A, class B>
using Product = decltype(std::declval<A>() * std::declval<B>());

template <class N>
struct Vector {
  N x, y, z;
};
// The six stored components of a symmetric tensor; an off-diagonal one stands for both of its places.
template <class N>
struct Symmetric {
  N xx, yy, zz, yz, xz, xy;
};

template <class N>
HOTPP_INLINE Vector<N> operator+(const Vector<N>& a, const Vector<N>& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
template <class N>
HOTPP_INLINE Symmetric<N> operator+(const Symmetric<N>& a, const Symmetric<N>& b) {
  return {a.xx + b.xx, a.yy + b.yy, a.zz + b.zz, a.yz + b.yz, a.xz + b.xz, a.xy + b.xy};
}
template <class A, class B>
HOTPP_INLINE Vector<Product<A, B>> scale(A a, const Vector<B>& v) {
  return {a * v.x, a * v.y, a * v.z};
}
template <class A, class B>
HOTPP_INLINE Symmetric<Product<A, B>> scale(A a, const Symmetric<B>& t) {
  return {a * t.xx, a * t.yy, a * t.zz, a * t.yz, a * t.xz, a * t.xy};
}
template <class A, class B>
HOTPP_INLINE Product<A, B> dot(const Vector<A>& a, const Vector<B>& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
// Over the six stored components, which are independent numbers to autograd.
template <class A, class B>
HOTPP_INLINE Product<A, B> dot(const Symmetric<A>& a, const Symmetric<B>& b) {
  return a.xx * b.xx + a.yy * b.yy + a.zz * b.zz + a.yz * b.yz + a.xz * b.xz + a.xy * b.xy;
}
template <class A, class B>
HOTPP_INLINE Vector<Product<A, B>> apply(const Symmetric<A>& t, const Vector<B>& u) {
  return {t.xx * u.x + t.xy * u.y + t.xz * u.z, t.xy * u.x + t.yy * u.y + t.yz * u.z,
          t.xz * u.x + t.yz * u.y + t.zz * u.z};
}
// The derivative of p·(T û) with respect to the stored components of T.
template <class A, class B>
HOTPP_INLINE Symmetric<Product<A, B>> outer(const Vector<A>& u, const Vector<B>& p) {
  return {
      u.x * p.x, u.y * p.y, u.z * p.z, u.y * p.z + u.z * p.y, u.x * p.z + u.z * p.x, u.x * p.y + u.y * p.x};
}
template <class Real, class N>
HOTPP_INLINE Symmetric<N> halve_off_diagonal(const Symmetric<N>& t) {
  constexpr Real half(0.5);
  return {t.xx, t.yy, t.zz, half * t.yz, half * t.xz, half * t.xy};
}

constexpr int kPaths = 11;
constexpr int kPathRankIn[kPaths] = {0, 1, 2, 0, 1, 1, 2, 0, 1, 2, 2};
constexpr int kPathRankOut[kPaths] = {0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2};

constexpr int components(int rank) { return rank == 0 ? 1 : rank == 1 ? 4 : 10; }
constexpr bool path_exists(int path, int rank_in, int rank_out) {
  return kPathRankIn[path] <= rank_in && kPathRankOut[path] <= rank_out;
}
// How many of the paths below `path` exist: the row of the radial weights that belongs to it.
constexpr int path_row(int path, int rank_in, int rank_out) {
  int row = 0;
  for (int p = 0; p < path; ++p) row += path_exists(p, rank_in, rank_out);
  return row;
}
constexpr int path_count(int rank_in, int rank_out) { return path_row(kPaths, rank_in, rank_out); }

// Members above the rank in use are never read or written.
template <class N>
struct Features {
  N s;
  Vector<N> v;
  Symmetric<N> t;
};
template <class N>
struct Weights {
  N w[kPaths];
};

template <int RankIn, int RankOut, class Real, class N>
HOTPP_INLINE Features<N> message(const Vector<N>& u, const Weights<N>& weights, const Features<N>& h) {
  const N* w = weights.w;
  Features<N> out;
  Vector<N> tu;
  N vu;
  if constexpr (RankIn >= 1) vu = dot(h.v, u);
  if constexpr (RankIn >= 2) tu = apply(h.t, u);

  out.s = w[0] * h.s;
  if constexpr (RankIn >= 1) out.s = out.s + w[1] * vu;
  if constexpr (RankIn >= 2) out.s = out.s + w[2] * dot(tu, u);

  if constexpr (RankOut >= 1) {
    N along = w[3] * h.s;
    if constexpr (RankIn >= 1) along = along + w[4] * vu;
    out.v = scale(along, u);
    if constexpr (RankIn >= 1) out.v = out.v + scale(w[5], h.v);
    if constexpr (RankIn >= 2) out.v = out.v + scale(w[6], tu);
  }
  if constexpr (RankOut >= 2) {
    Vector<N> partner = scale(w[7] * h.s, u);
    if constexpr (RankIn >= 1) partner = partner + scale(w[8], h.v);
    if constexpr (RankIn >= 2) partner = partner + scale(w[9], tu);
    out.t = halve_off_diagonal<Real>(outer(u, partner));
    if constexpr (RankIn >= 2) out.t = out.t + scale(w[10], h.t);
  }
  return out;
}

template <class N>
struct Gradients {
  Features<N> h;
  Vector<N> u;
  Weights<N> w;
};

// The cotangent g has no tangent part in the double backward (N dual, Real plain).
template <int RankIn, int RankOut, class Real, class N>
HOTPP_INLINE Gradients<N> gradients(const Vector<N>& u, const Weights<N>& weights, const Features<N>& h,
                                    const Features<Real>& g) {
  const N* w = weights.w;
  Gradients<N> out;
  Vector<N> tu;            // Tû
  Vector<N> gu;            // G û, where G is T' with halved off-diagonal: T':sym(û⊗p) = (Gû)·p
  Vector<N> to_tu, to_gu;  // ∂F/∂(Tû), ∂F/∂(Gû)
  Symmetric<Real> g_half;
  N vu, along;  // v·û, v'·û
  if constexpr (RankIn >= 1) vu = dot(h.v, u);
  if constexpr (RankIn >= 2) tu = apply(h.t, u);
  if constexpr (RankOut >= 1) along = dot(g.v, u);
  if constexpr (RankOut >= 2) {
    g_half = halve_off_diagonal<Real>(g.t);
    gu = apply(g_half, u);
  }

  // Scalar messages.
  out.w.w[0] = g.s * h.s;
  out.h.s = g.s * w[0];
  N to_vu;  // ∂F/∂(v·û)
  if constexpr (RankIn >= 1) {
    out.w.w[1] = g.s * vu;
    to_vu = g.s * w[1];
  }
  if constexpr (RankIn >= 2) {
    out.w.w[2] = g.s * dot(tu, u);
    to_tu = scale(g.s * w[2], u);
    out.u = scale(g.s * w[2], tu);
  } else {
    out.u = scale(Real(0), u);
  }

  // Vector messages.
  if constexpr (RankOut >= 1) {
    out.w.w[3] = along * h.s;
    out.h.s = out.h.s + along * w[3];
    N to_along = w[3] * h.s;  // ∂F/∂(v'·û)
    if constexpr (RankIn >= 1) {
      out.w.w[4] = along * vu;
      out.w.w[5] = dot(g.v, h.v);
      to_along = to_along + w[4] * vu;
      to_vu = to_vu + w[4] * along;
    }
    if constexpr (RankIn >= 2) {
      out.w.w[6] = dot(g.v, tu);
      to_tu = to_tu + scale(w[6], g.v);
    }
    out.u = out.u + scale(to_along, g.v);
  }

  // Rank-2 messages.
  if constexpr (RankOut >= 2) {
    const N ugu = dot(gu, u);
    out.w.w[7] = ugu * h.s;
    out.h.s = out.h.s + ugu * w[7];
    const N ws = w[7] * h.s;
    to_gu = scale(ws, u);
    out.u = out.u + scale(ws, gu);
    if constexpr (RankIn >= 1) {
      out.w.w[8] = dot(gu, h.v);
      to_gu = to_gu + scale(w[8], h.v);
    }
    if constexpr (RankIn >= 2) {
      out.w.w[9] = dot(gu, tu);
      out.w.w[10] = dot(g.t, h.t);
      to_gu = to_gu + scale(w[9], tu);
      to_tu = to_tu + scale(w[9], gu);
    }
    out.u = out.u + apply(g_half, to_gu);
  }

  // Through v·û and Tû.
  if constexpr (RankIn >= 1) {
    out.h.v = scale(to_vu, u);
    if constexpr (RankOut >= 1) out.h.v = out.h.v + scale(w[5], g.v);
    if constexpr (RankOut >= 2) out.h.v = out.h.v + scale(w[8], gu);
    out.u = out.u + scale(to_vu, h.v);
  }
  if constexpr (RankIn >= 2) {
    out.h.t = outer(u, to_tu);
    if constexpr (RankOut >= 2) out.h.t = out.h.t + scale(w[10], g.t);
    out.u = out.u + apply(h.t, to_tu);
  }
  return out;
}

}  // namespace hotpp::ops
