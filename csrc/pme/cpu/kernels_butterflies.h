// SPDX-License-Identifier: GPL-2.0-or-later
// Fourier transforms of a few numbers in registers, for one instruction set; see simd.h for the namespace.
#pragma once

#include "pme/cpu/line_plan.h"
#include "pme/cpu/simd.h"

namespace hotpp::pme::HOTPP_ISA {

/// Numbers of several lines side by side.
template <class Real>
using Lanes = Row<Real, fft_lanes<Real>>;

/// Discrete Fourier transform of R numbers in registers.
template <class Real, int R>
struct Butterfly {
  using V = Lanes<Real>;
  static_assert(R % 2 == 1, "even radices are written out below");

  static HOTPP_INLINE void apply(V* re, V* im, const Real* roots) {
    constexpr int H = R / 2;
    V sum_re[H + 1], sum_im[H + 1], dif_re[H + 1], dif_im[H + 1];
    const V re0 = re[0], im0 = im[0];
    HOTPP_UNROLL_LOOP
    for (int j = 1; j <= H; ++j) {
      sum_re[j] = re[j] + re[R - j], sum_im[j] = im[j] + im[R - j];
      dif_re[j] = re[j] - re[R - j], dif_im[j] = im[j] - im[R - j];
      re[0] = re[0] + sum_re[j], im[0] = im[0] + sum_im[j];
    }
    HOTPP_UNROLL_LOOP
    for (int k = 1; k <= H; ++k) {
      V c_re = re0, c_im = im0, s_re = roots[2 * k + 1] * dif_re[1], s_im = roots[2 * k + 1] * dif_im[1];
      HOTPP_UNROLL_LOOP
      for (int j = 1; j <= H; ++j) {
        const int jk = j * k % R;
        c_re = roots[2 * jk] * sum_re[j] + c_re, c_im = roots[2 * jk] * sum_im[j] + c_im;
        if (j > 1) s_re = roots[2 * jk + 1] * dif_re[j] + s_re, s_im = roots[2 * jk + 1] * dif_im[j] + s_im;
      }
      // roots hold -sin: X_k = c + i s, X_(R-k) = c - i s
      re[k] = c_re - s_im, im[k] = c_im + s_re;
      re[R - k] = c_re + s_im, im[R - k] = c_im - s_re;
    }
  }
};

template <class Real>
struct Butterfly<Real, 2> {
  using V = Lanes<Real>;
  static HOTPP_INLINE void apply(V* re, V* im, const Real*) {
    const V a = re[0], b = im[0];
    re[0] = a + re[1], im[0] = b + im[1];
    re[1] = a - re[1], im[1] = b - im[1];
  }
};

template <class Real>
struct Butterfly<Real, 4> {
  using V = Lanes<Real>;
  static HOTPP_INLINE void apply(V* re, V* im, const Real*) {
    const V s0r = re[0] + re[2], s0i = im[0] + im[2], d0r = re[0] - re[2], d0i = im[0] - im[2];
    const V s1r = re[1] + re[3], s1i = im[1] + im[3], d1r = re[1] - re[3], d1i = im[1] - im[3];
    re[0] = s0r + s1r, im[0] = s0i + s1i;
    re[2] = s0r - s1r, im[2] = s0i - s1i;
    re[1] = d0r + d1i, im[1] = d0i - d1r;  // d0 - i d1
    re[3] = d0r - d1i, im[3] = d0i + d1r;
  }
};

template <class Real>
struct Butterfly<Real, 8> {
  using V = Lanes<Real>;
  static HOTPP_INLINE void apply(V* re, V* im, const Real*) {
    const Real h = static_cast<Real>(0.70710678118654752440);
    V er[4] = {re[0], re[2], re[4], re[6]}, ei[4] = {im[0], im[2], im[4], im[6]};
    V or_[4] = {re[1], re[3], re[5], re[7]}, oi[4] = {im[1], im[3], im[5], im[7]};
    Butterfly<Real, 4>::apply(er, ei, nullptr);
    Butterfly<Real, 4>::apply(or_, oi, nullptr);
    // odd half times exp(-2 pi i j / 8)
    const V o1r = h * (or_[1] + oi[1]), o1i = h * (oi[1] - or_[1]);
    const V o3r = h * (oi[3] - or_[3]), o3i = h * (or_[3] + oi[3]);  // minus o3i
    re[0] = er[0] + or_[0], im[0] = ei[0] + oi[0], re[4] = er[0] - or_[0], im[4] = ei[0] - oi[0];
    re[1] = er[1] + o1r, im[1] = ei[1] + o1i, re[5] = er[1] - o1r, im[5] = ei[1] - o1i;
    re[2] = er[2] + oi[2], im[2] = ei[2] - or_[2], re[6] = er[2] - oi[2], im[6] = ei[2] + or_[2];
    re[3] = er[3] + o3r, im[3] = ei[3] - o3i, re[7] = er[3] - o3r, im[7] = ei[3] + o3i;
  }
};

}  // namespace hotpp::pme::HOTPP_ISA
