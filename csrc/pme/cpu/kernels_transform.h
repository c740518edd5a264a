// SPDX-License-Identifier: GPL-2.0-or-later
// Fourier transforms of many lines side by side, for one instruction set; see simd.h and line_plan.h.
//
// An element of a line is a vector of real parts followed by one of imaginary parts. The backward transform
// is the forward one with real and imaginary parts exchanged, that is, with other offsets `re` and `im`.
#pragma once

#include "pme/cpu/kernels.h"
#include "pme/cpu/kernels_butterflies.h"
#include "pme/cpu/kernels_modes.h"
#include "pme/cpu/simd.h"

namespace hotpp::pme::HOTPP_ISA {

/// A line in memory: element e lies at data + e * step.
template <class Real>
struct Line {
  Real* data;
  std::ptrdiff_t step;
};

template <class Real, int R>
inline void stage(const LinePlan<Real>& plan, const LineStage<Real>& stage, Line<const Real> x, Line<Real> y,
                  int re, int im) {
  using V = Lanes<Real>;
  const std::ptrdiff_t in = x.step * (plan.points / R), out = y.step * stage.s;
  const Real* const roots = stage.roots;
  const int m = stage.m, s = stage.s;
  for (int p = 0; p < m; ++p) {
    const Real* const w = stage.twiddles + 2 * (R - 1) * p;
    const Real* from = x.data + x.step * s * p;
    Real* to = y.data + y.step * s * R * p;
    for (int q = 0; q < s; ++q, from += x.step, to += y.step) {
      V a[R], b[R];
      HOTPP_UNROLL_LOOP
      for (int k = 0; k < R; ++k) a[k] = V::load(from + k * in + re), b[k] = V::load(from + k * in + im);
      Butterfly<Real, R>::apply(a, b, roots);
      a[0].store(to + re), b[0].store(to + im);
      HOTPP_UNROLL_LOOP
      for (int j = 1; j < R; ++j) {
        if (p == 0) {
          a[j].store(to + j * out + re), b[j].store(to + j * out + im);
        } else {
          const Real c = w[2 * j - 2], d = w[2 * j - 1];
          (c * a[j] - d * b[j]).store(to + j * out + re);
          (c * b[j] + d * a[j]).store(to + j * out + im);
        }
      }
    }
  }
}

/// Any radix; x and y must not overlap.
template <class Real>
inline void stage_of_any_radix(const LinePlan<Real>& plan, const LineStage<Real>& stage, Line<const Real> x,
                               Line<Real> y, int re, int im) {
  using V = Lanes<Real>;
  const int R = stage.radix;
  const std::ptrdiff_t in = x.step * (plan.points / R), out = y.step * stage.s;
  for (int p = 0; p < stage.m; ++p)
    for (int q = 0; q < stage.s; ++q) {
      const Real* const from = x.data + x.step * (stage.s * static_cast<std::ptrdiff_t>(p) + q);
      Real* const to = y.data + y.step * (stage.s * static_cast<std::ptrdiff_t>(p) * R + q);
      for (int j = 0; j < R; ++j) {
        V a = V::load(from + re), b = V::load(from + im);
        for (int k = 1, jk = j; k < R; ++k, jk = (jk + j) % R) {
          const V u = V::load(from + k * in + re), v = V::load(from + k * in + im);
          const Real c = stage.roots[2 * jk], d = stage.roots[2 * jk + 1];
          a = c * u - d * v + a;
          b = c * v + d * u + b;
        }
        const Real* const w = stage.twiddles + 2 * ((R - 1) * static_cast<std::ptrdiff_t>(p) + j - 1);
        const Real c = j == 0 ? Real(1) : w[0], d = j == 0 ? Real(0) : w[1];
        (c * a - d * b).store(to + j * out + re);
        (c * b + d * a).store(to + j * out + im);
      }
    }
}

template <class Real>
inline void any_stage(const LinePlan<Real>& plan, int i, Line<const Real> x, Line<Real> y, int re, int im) {
  const LineStage<Real>& s = plan.stage[i];
  switch (s.radix) {
    case 2:
      return stage<Real, 2>(plan, s, x, y, re, im);
    case 3:
      return stage<Real, 3>(plan, s, x, y, re, im);
    case 4:
      return stage<Real, 4>(plan, s, x, y, re, im);
    case 5:
      return stage<Real, 5>(plan, s, x, y, re, im);
    case 7:
      return stage<Real, 7>(plan, s, x, y, re, im);
    case 8:
      return stage<Real, 8>(plan, s, x, y, re, im);
    default:
      return stage_of_any_radix(plan, s, x, y, re, im);
  }
}

/// Buffers of one thread, each for a line of `points` + lanes elements.
template <class Real>
struct Scratch {
  static constexpr int step = 2 * fft_lanes<Real>;
  Real *line, *even, *odd;

  HOTPP_INLINE Scratch(Real* memory, int points) : line(memory) {
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(step) * (points + fft_lanes<Real>);
    even = line + size;
    odd = even + size;
  }
};

/// One line from `from` to `to`; they may be the same.
template <class Real>
inline void transform(const LinePlan<Real>& plan, Line<const Real> from, Line<Real> to,
                      const Scratch<Real>& scratch, int re, int im) {
  using V = Lanes<Real>;
  constexpr int step = Scratch<Real>::step;
  if (plan.stages == 1 && plan.stage[0].radix > 8) {  // a long prime: not in place
    for (int k = 0; k < plan.points; ++k) {
      V::load(from.data + k * from.step + re).store(scratch.even + k * step + re);
      V::load(from.data + k * from.step + im).store(scratch.even + k * step + im);
    }
    from = {scratch.even, step};
  }
  for (int i = 0; i < plan.stages; ++i) {
    Real* const buffer = i % 2 == 0 ? scratch.odd : scratch.even;
    const Line<Real> next = i == plan.stages - 1 ? to : Line<Real>{buffer, step};
    any_stage(plan, i, from, next, re, im);
    from = {next.data, next.step};
  }
}

/// In place: `count` blocks of lines, `block` reals apart.
template <class Real>
void transform_lines(const LinePlan<Real>& plan, Real* data, std::ptrdiff_t step, int count,
                     std::ptrdiff_t block, bool backward, Real* memory) {
  const Scratch<Real> scratch(memory, plan.points);
  const int re = backward ? fft_lanes<Real> : 0, im = backward ? 0 : fft_lanes<Real>;
  for (int b = 0; b < count; ++b, data += block)
    transform<Real>(plan, {data, step}, {data, step}, scratch, re, im);
}

/// Rows of reals to rows of modes, in place. Two rows a, b are the real and imaginary part of one complex
/// line C:
///   A_k = (C_k + conj C_(n-k)) / 2,  B_k = (C_k - conj C_(n-k)) / 2i,
/// and 2 · lanes rows are transformed together, lanes across rows.
template <class Real>
void transform_rows_forward(const LinePlan<Real>& plan, Real* plane, std::ptrdiff_t row, int rows,
                            Real* memory) {
  using V = Lanes<Real>;
  constexpr int L = fft_lanes<Real>, step = 2 * L;
  const Scratch<Real> scratch(memory, plan.points);
  const int n = plan.points;
  for (int first = 0; first < rows; first += 2 * L) {
    Real* at[2 * L];  // the last group repeats the last row
    for (int i = 0; i < 2 * L; ++i) at[i] = plane + (first + i < rows ? first + i : rows - 1) * row;
    for (int z = 0; z < n; z += L)
      for (int part = 0; part < 2; ++part) {
        V block[L];
        for (int i = 0; i < L; ++i) block[i] = V::load(at[part * L + i] + z);
        transpose(block);
        for (int j = 0; j < L; ++j) block[j].store(scratch.line + (z + j) * step + part * L);
      }
    transform<Real>(plan, {scratch.line, step}, {scratch.line, step}, scratch, 0, L);
    for (int k0 = 0; k0 <= n / 2; k0 += L) {
      V re[2][L], im[2][L];  // of a and b
      for (int j = 0; j < L; ++j) {
        const int k = k0 + j;
        if (k > n / 2) {
          re[0][j] = im[0][j] = re[1][j] = im[1][j] = Real(0) * V::load(scratch.line);
          continue;
        }
        const Real* const c = scratch.line + k * step;
        const Real* const d = scratch.line + (k == 0 ? 0 : n - k) * step;
        const V cr = Real(0.5) * V::load(c), ci = Real(0.5) * V::load(c + L);
        const V dr = Real(0.5) * V::load(d), di = Real(0.5) * V::load(d + L);
        re[0][j] = cr + dr, im[0][j] = ci - di;
        re[1][j] = ci + di, im[1][j] = dr - cr;
      }
      for (int part = 0; part < 2; ++part) {
        transpose(re[part]);
        transpose(im[part]);
        for (int i = 0; i < L && first + part * L + i < rows; ++i) {
          re[part][i].store(at[part * L + i] + 2 * k0);
          im[part][i].store(at[part * L + i] + 2 * k0 + L);
        }
      }
    }
  }
}

/// The reverse; imaginary parts that a real row cannot have are ignored.
template <class Real>
void transform_rows_backward(const LinePlan<Real>& plan, Real* plane, std::ptrdiff_t row, int rows,
                             Real* memory) {
  using V = Lanes<Real>;
  constexpr int L = fft_lanes<Real>, step = 2 * L;
  const Scratch<Real> scratch(memory, plan.points);
  const int n = plan.points;
  for (int first = 0; first < rows; first += 2 * L) {
    Real* at[2 * L];
    for (int i = 0; i < 2 * L; ++i) at[i] = plane + (first + i < rows ? first + i : rows - 1) * row;
    for (int k0 = 0; k0 <= n / 2; k0 += L) {
      V re[2][L], im[2][L];
      for (int part = 0; part < 2; ++part) {
        for (int i = 0; i < L; ++i) {
          re[part][i] = V::load(at[part * L + i] + 2 * k0);
          im[part][i] = V::load(at[part * L + i] + 2 * k0 + L);
        }
        transpose(re[part]);
        transpose(im[part]);
      }
      for (int j = 0; j < L && k0 + j <= n / 2; ++j) {
        const int k = k0 + j;
        Real* const c = scratch.line + k * step;
        if (k == 0 || 2 * k == n) {
          re[0][j].store(c), re[1][j].store(c + L);
          continue;
        }
        Real* const d = scratch.line + (n - k) * step;
        (re[0][j] - im[1][j]).store(c), (im[0][j] + re[1][j]).store(c + L);
        (re[0][j] + im[1][j]).store(d), (re[1][j] - im[0][j]).store(d + L);
      }
    }
    transform<Real>(plan, {scratch.line, step}, {scratch.line, step}, scratch, L, 0);
    for (int z = 0; z < n; z += L)
      for (int part = 0; part < 2; ++part) {
        V block[L];
        for (int j = 0; j < L; ++j) block[j] = V::load(scratch.line + (z + j) * step + part * L);
        transpose(block);
        for (int i = 0; i < L && first + part * L + i < rows; ++i) block[i].store(at[part * L + i] + z);
      }
  }
}

/// Transform along x, multiplication by the influence function, transform back, for one block of lines in
/// place. influence [points][lanes]; sums null, or see ModeColumn; without a column only
/// the first one.
template <class Real>
void convolve_lines(const LinePlan<Real>& plan, Real* data, std::ptrdiff_t step, const Real* influence,
                    const ModeColumn* column, const Real* slope, double (*sums)[column_lanes], Real* memory) {
  using V = Lanes<Real>;
  constexpr int L = fft_lanes<Real>, line = 2 * L;
  const Scratch<Real> scratch(memory, plan.points);
  transform<Real>(plan, {data, step}, {scratch.line, line}, scratch, 0, L);
  if (sums && column) add_modes<Real>(plan.points, scratch.line, influence, *column, slope, sums);
  if (sums && !column) add_energies<Real>(plan.points, scratch.line, influence, sums);
  for (int x = 0; x < plan.points; ++x) {
    Real* const c = scratch.line + x * line;
    __builtin_prefetch(data + x * step + line);  // of the next block
    const V g = V::load(influence + x * L);
    (g * V::load(c)).store(c);
    (g * V::load(c + L)).store(c + L);
  }
  transform<Real>(plan, {scratch.line, line}, {data, step}, scratch, L, 0);
}

}  // namespace hotpp::pme::HOTPP_ISA
