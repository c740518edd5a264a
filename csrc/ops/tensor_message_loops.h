// SPDX-License-Identifier: GPL-2.0-or-later
//
// Loops over atoms, edges and channels around the algebra of tensor_message_kernel.h.
//
// Every sum is owned by one atom: messages are summed receiver by receiver, feature gradients sender by
// sender, so there are no atomics, no [edge, component, channel] intermediates, and the same bits for any
// thread count. Channels are innermost and contiguous: the compiler turns that loop into vector instructions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "tensor_message_kernel.h"

namespace hotpp::ops {

// ------------------------------------------------------------------------------------- reading and writing

// A row of values, or of values and tangents, read as numbers N.
template <class N>
struct Row {
  const N* value;
  HOTPP_INLINE N operator[](std::int64_t k) const { return value[k]; }
};
template <class Real>
struct Row<Dual<Real>> {
  const Real *value, *tangent;
  HOTPP_INLINE Dual<Real> operator[](std::int64_t k) const { return {value[k], tangent[k]}; }
};

// What a loop delivers: the number itself, or the tangent of a dual one.
template <class Real>
HOTPP_INLINE Real result(Real x) {
  return x;
}
template <class Real>
HOTPP_INLINE Real result(Dual<Real> x) {
  return x.tangent;
}

template <int Rank, class N>
HOTPP_INLINE Features<N> load_features(Row<N> row, std::int64_t C, std::int64_t c) {
  Features<N> h;
  h.s = row[c];
  if constexpr (Rank >= 1) h.v = {row[C + c], row[2 * C + c], row[3 * C + c]};
  if constexpr (Rank >= 2) {
    h.t = {row[4 * C + c], row[5 * C + c], row[6 * C + c], row[7 * C + c], row[8 * C + c], row[9 * C + c]};
  }
  return h;
}

template <int Rank, class Real, class N>
HOTPP_INLINE void add_features(Real* row, std::int64_t C, std::int64_t c, const Features<N>& h) {
  row[c] += result(h.s);
  if constexpr (Rank >= 1) {
    row[C + c] += result(h.v.x);
    row[2 * C + c] += result(h.v.y);
    row[3 * C + c] += result(h.v.z);
  }
  if constexpr (Rank >= 2) {
    row[4 * C + c] += result(h.t.xx);
    row[5 * C + c] += result(h.t.yy);
    row[6 * C + c] += result(h.t.zz);
    row[7 * C + c] += result(h.t.yz);
    row[8 * C + c] += result(h.t.xz);
    row[9 * C + c] += result(h.t.xy);
  }
}

template <int RankIn, int RankOut, int Path = 0, class N>
HOTPP_INLINE void load_weights(Weights<N>& weights, Row<N> row, std::int64_t C, std::int64_t c) {
  if constexpr (path_exists(Path, RankIn, RankOut)) {
    weights.w[Path] = row[path_row(Path, RankIn, RankOut) * C + c];
  }
  if constexpr (Path + 1 < kPaths) load_weights<RankIn, RankOut, Path + 1>(weights, row, C, c);
}

template <int RankIn, int RankOut, int Path = 0, class Real, class N>
HOTPP_INLINE void store_weights(Real* row, std::int64_t C, std::int64_t c, const Weights<N>& weights) {
  if constexpr (path_exists(Path, RankIn, RankOut)) {
    row[path_row(Path, RankIn, RankOut) * C + c] = result(weights.w[Path]);
  }
  if constexpr (Path + 1 < kPaths) store_weights<RankIn, RankOut, Path + 1>(row, C, c, weights);
}

// ------------------------------------------------------------------------------------------------- loops

// Rows of a tensor; stride 0 repeats one row (zeros to read, scratch to write).
template <class T>
struct Rows {
  T* data = nullptr;
  std::int64_t stride = 0;
  HOTPP_INLINE T* operator[](std::int64_t i) const { return data + i * stride; }
};

// The arrays a loop works on; each loop uses the outputs that are its own.
template <class Real>
struct Job {
  std::int64_t channels, n_edges;
  const std::int64_t *receivers, *senders;  // [n_edges]
  const std::int64_t* first;                // [n_atoms + 1] position of the first edge of each owning atom
  const std::int64_t* order;                // [n_edges] edge at each position (sender order only)
  Rows<const Real> features, directions, radial;
  Rows<const Real> features_tangent, directions_tangent, radial_tangent;
  Rows<const Real> cotangent;
  Rows<Real> messages;
  Rows<Real> features_gradient, directions_gradient, radial_gradient;
  Real* scratch;  // [3, channels]
};

template <class N, class Real>
HOTPP_INLINE Row<N> row_of(Rows<const Real> value, Rows<const Real> tangent, std::int64_t i) {
  if constexpr (std::is_same_v<N, Real>) {
    return {value[i]};
  } else {
    return {value[i], tangent[i]};
  }
}

// The body of a vectorised loop is a function of its own: what it declares is then private to a channel,
// whereas GCC turns aggregates declared in the loop itself into arrays over channels, which it cannot
// vectorise.
template <int RankIn, int RankOut, class Real, class N>
HOTPP_INLINE void message_of_channel(std::int64_t C, std::int64_t c, const Vector<N>& u, Row<N> radial,
                                     Row<N> features, Real* messages) {
  Weights<N> weights;
  load_weights<RankIn, RankOut>(weights, radial, C, c);
  const auto h = load_features<RankIn>(features, C, c);
  add_features<RankOut>(messages, C, c, message<RankIn, RankOut, Real>(u, weights, h));
}

template <int RankIn, int RankOut, class Real, class N>
HOTPP_INLINE void gradients_of_channel(std::int64_t C, std::int64_t c, const Vector<N>& u, Row<N> radial,
                                       Row<N> features, Row<Real> cotangent, Real* radial_gradient,
                                       Real* features_gradient, Real* direction_gradient) {
  Weights<N> weights;
  load_weights<RankIn, RankOut>(weights, radial, C, c);
  const auto h = load_features<RankIn>(features, C, c);
  const auto g = load_features<RankOut>(cotangent, C, c);
  const auto gradient = gradients<RankIn, RankOut, Real>(u, weights, h, g);
  store_weights<RankIn, RankOut>(radial_gradient, C, c, gradient.w);
  add_features<RankIn>(features_gradient, C, c, gradient.h);
  direction_gradient[c] = result(gradient.u.x);
  direction_gradient[C + c] = result(gradient.u.y);
  direction_gradient[2 * C + c] = result(gradient.u.z);
}

// Sender order jumps through the edge arrays, which hardware prefetchers do not follow: without this the loop
// waits for memory half of its time.
template <int Write, class Real>
HOTPP_INLINE void prefetch(const Rows<Real>& rows, std::int64_t i) {
#if defined(__GNUC__)
  constexpr std::int64_t kLine = 64 / sizeof(Real);
  Real* const row = rows[i];
  for (std::int64_t k = 0; k < rows.stride; k += kLine) __builtin_prefetch(row + k, Write);
#endif
}

template <class Real>
HOTPP_INLINE Real sum_of(const Real* x, std::int64_t n) {
  Real sum(0);
#pragma omp simd reduction(+ : sum)
  for (std::int64_t k = 0; k < n; ++k) sum += x[k];
  return sum;
}

struct MessageLoop {
  // Adds the messages to receivers first <= i < last.
  template <int RankIn, int RankOut, class Real, class N>
  static HOTPP_INLINE void run(const Job<Real>& job, std::int64_t first, std::int64_t last) {
    const std::int64_t C = job.channels;
    for (std::int64_t i = first; i < last; ++i) {
      Real* const messages = job.messages[i];
      for (std::int64_t e = job.first[i]; e < job.first[i + 1]; ++e) {
        const auto direction = row_of<N>(job.directions, job.directions_tangent, e);
        const auto radial = row_of<N>(job.radial, job.radial_tangent, e);
        const auto features = row_of<N>(job.features, job.features_tangent, job.senders[e]);
        const Vector<N> u{direction[0], direction[1], direction[2]};
#pragma omp simd
        for (std::int64_t c = 0; c < C; ++c) {
          message_of_channel<RankIn, RankOut>(C, c, u, radial, features, messages);
        }
      }
    }
  }
};

struct GradientLoop {
  // Gradients of all edges that senders first <= j < last send along, and of the senders' features.
  template <int RankIn, int RankOut, class Real, class N>
  static HOTPP_INLINE void run(const Job<Real>& job, std::int64_t first, std::int64_t last) {
    const std::int64_t C = job.channels;
    Real* const by_channel = job.scratch;
    for (std::int64_t j = first; j < last; ++j) {
      const auto features = row_of<N>(job.features, job.features_tangent, j);
      Real* const features_gradient = job.features_gradient[j];
      for (std::int64_t k = job.first[j]; k < job.first[j + 1]; ++k) {
        const std::int64_t e = job.order[k];
        const std::int64_t next = job.order[std::min(k + 1, job.n_edges - 1)];
        prefetch<0>(job.radial, next);
        prefetch<0>(job.radial_tangent, next);
        prefetch<1>(job.radial_gradient, next);
        const auto direction = row_of<N>(job.directions, job.directions_tangent, e);
        const auto radial = row_of<N>(job.radial, job.radial_tangent, e);
        const Row<Real> cotangent{job.cotangent[job.receivers[e]]};
        Real* const radial_gradient = job.radial_gradient[e];
        const Vector<N> u{direction[0], direction[1], direction[2]};
#pragma omp simd
        for (std::int64_t c = 0; c < C; ++c) {
          gradients_of_channel<RankIn, RankOut>(C, c, u, radial, features, cotangent, radial_gradient,
                                                features_gradient, by_channel);
        }
        Real* const direction_gradient = job.directions_gradient[e];
        for (int a = 0; a < 3; ++a) direction_gradient[a] = sum_of(by_channel + a * C, C);
      }
    }
  }
};

// ------------------------------------------------------------------------------ one binary, several CPUs

// A portable build must not fall back to the instruction set of 2003: the loops are compiled for several, and
// the processor decides at run time.
#if defined(__x86_64__) && defined(__GNUC__)
template <class Loop, int RankIn, int RankOut, class Real, class N>
__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"))) void run_avx512(const Job<Real>& job,
                                                                                       std::int64_t first,
                                                                                       std::int64_t last) {
  Loop::template run<RankIn, RankOut, Real, N>(job, first, last);
}
template <class Loop, int RankIn, int RankOut, class Real, class N>
__attribute__((target("avx2,fma"))) void run_avx2(const Job<Real>& job, std::int64_t first,
                                                  std::int64_t last) {
  Loop::template run<RankIn, RankOut, Real, N>(job, first, last);
}
#endif

template <class Loop, int RankIn, int RankOut, class Real, class N>
void run_portable(const Job<Real>& job, std::int64_t first, std::int64_t last) {
  Loop::template run<RankIn, RankOut, Real, N>(job, first, last);
}

template <class Real>
using Kernel = void (*)(const Job<Real>&, std::int64_t, std::int64_t);

template <class Loop, int RankIn, int RankOut, class Real, class N>
Kernel<Real> kernel_for_this_cpu() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx512 && avx2) return run_avx512<Loop, RankIn, RankOut, Real, N>;
  if (avx2) return run_avx2<Loop, RankIn, RankOut, Real, N>;
#endif
  return run_portable<Loop, RankIn, RankOut, Real, N>;
}

template <class Loop, class Real, class N>
Kernel<Real> kernel(int rank_in, int rank_out) {
  switch (3 * rank_in + rank_out) {
    case 0:
      return kernel_for_this_cpu<Loop, 0, 0, Real, N>();
    case 1:
      return kernel_for_this_cpu<Loop, 0, 1, Real, N>();
    case 2:
      return kernel_for_this_cpu<Loop, 0, 2, Real, N>();
    case 3:
      return kernel_for_this_cpu<Loop, 1, 0, Real, N>();
    case 4:
      return kernel_for_this_cpu<Loop, 1, 1, Real, N>();
    case 5:
      return kernel_for_this_cpu<Loop, 1, 2, Real, N>();
    case 6:
      return kernel_for_this_cpu<Loop, 2, 0, Real, N>();
    case 7:
      return kernel_for_this_cpu<Loop, 2, 1, Real, N>();
    default:
      return kernel_for_this_cpu<Loop, 2, 2, Real, N>();
  }
}

}  // namespace hotpp::ops
