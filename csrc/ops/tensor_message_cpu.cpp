// SPDX-License-Identifier: GPL-2.0-or-later
//
// Loops over atoms, edges and channels around the algebra of tensor_message_kernel.h.
//
// Every sum is owned by one atom: messages are summed receiver by receiver, feature gradients sender by
// sender, so there are no atomics, no [edge, component, channel] intermediates, and the same bits for any
// thread count. Channels are innermost and contiguous: the compiler turns that loop into vector instructions.
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include "tensor_message.h"
#include "tensor_message_kernel.h"

namespace hotpp::ops {
namespace {

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

// Edges grouped by the atom that owns the sum.
struct EdgeGroups {
  std::vector<std::int64_t> first;  // [n_atoms + 1] position of each atom's first edge
  std::vector<std::int64_t> order;  // [n_edges] edge at each position; empty: positions are edges
};

template <class Real>
struct Job {
  std::int64_t channels, n_edges;
  const std::int64_t *receivers, *senders;
  const std::int64_t *first, *order;
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

// Shares the atoms among torch's threads so that each gets about as many edges.
template <class F>
void parallel_over_atoms(const EdgeGroups& groups, const F& f) {
  constexpr std::int64_t kEdgesWorthAThread = 256;
  const auto& first = groups.first;
  const auto atom_at = [&](std::int64_t edge) {
    return std::lower_bound(first.begin(), first.end() - 1, edge) - first.begin();
  };
  at::parallel_for(0, first.back(), kEdgesWorthAThread,
                   [&](std::int64_t begin, std::int64_t end) { f(atom_at(begin), atom_at(end)); });
}

// ---------------------------------------------------------------------------------------------- tensors

int rank_of(const at::Tensor& features) { return features.size(1) == 1 ? 0 : features.size(1) == 4 ? 1 : 2; }

EdgeGroups group_by_receiver(const MessageTopology& topology) {
  const std::int64_t* receivers = topology.receivers.const_data_ptr<std::int64_t>();
  const std::int64_t n_edges = topology.receivers.size(0);
  EdgeGroups groups;
  groups.first.resize(topology.n_receivers + 1);
  std::int64_t e = 0;
  for (std::int64_t i = 0; i <= topology.n_receivers; ++i) {
    while (e < n_edges && receivers[e] < i) ++e;
    groups.first[i] = e;
  }
  return groups;
}

EdgeGroups group_by_sender(const MessageTopology& topology, std::int64_t n_senders) {
  const std::int64_t* senders = topology.senders.const_data_ptr<std::int64_t>();
  const std::int64_t n_edges = topology.senders.size(0);
  EdgeGroups groups;
  groups.first.assign(n_senders + 1, 0);
  groups.order.resize(n_edges);
  for (std::int64_t e = 0; e < n_edges; ++e) ++groups.first[senders[e] + 1];
  for (std::int64_t j = 0; j < n_senders; ++j) groups.first[j + 1] += groups.first[j];
  std::vector<std::int64_t> next(groups.first.begin(), groups.first.end() - 1);
  for (std::int64_t e = 0; e < n_edges; ++e) groups.order[next[senders[e]]++] = e;
  return groups;
}

template <class Real>
Rows<const Real> rows_to_read(const at::Tensor& tensor, const std::vector<Real>& zeros) {
  if (!tensor.defined()) return {zeros.data(), 0};
  return {tensor.const_data_ptr<Real>(), tensor.numel() / tensor.size(0)};
}

template <class Real>
Rows<Real> rows_to_write(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {tensor.mutable_data_ptr<Real>(), tensor.numel() / tensor.size(0)};
}

// The inputs of both loops; `zeros` must outlive the job.
template <class Real>
Job<Real> make_job(const MessageInputs& x, const MessageInputs* tangent, const MessageTopology& topology,
                   const EdgeGroups& groups, const std::vector<Real>& zeros) {
  Job<Real> job{};
  job.channels = x.features.size(2);
  job.n_edges = topology.receivers.size(0);
  job.receivers = topology.receivers.const_data_ptr<std::int64_t>();
  job.senders = topology.senders.const_data_ptr<std::int64_t>();
  job.first = groups.first.data();
  job.order = groups.order.data();
  job.features = rows_to_read<Real>(x.features, zeros);
  job.directions = rows_to_read<Real>(x.directions, zeros);
  job.radial = rows_to_read<Real>(x.radial, zeros);
  if (tangent) {
    job.features_tangent = rows_to_read<Real>(tangent->features, zeros);
    job.directions_tangent = rows_to_read<Real>(tangent->directions, zeros);
    job.radial_tangent = rows_to_read<Real>(tangent->radial, zeros);
  }
  return job;
}

template <class Real>
std::vector<Real> blank_row(std::int64_t channels) {
  return std::vector<Real>(std::max<std::int64_t>(kPaths * channels, 3), Real(0));
}

at::Tensor sum(const MessageInputs& x, const MessageInputs* tangent, const MessageTopology& topology) {
  const std::int64_t channels = x.features.size(2);
  at::Tensor messages =
      at::zeros({topology.n_receivers, components(topology.rank_out), channels}, x.features.options());
  if (topology.receivers.size(0) == 0 || channels == 0) return messages;
  const EdgeGroups groups = group_by_receiver(topology);
  AT_DISPATCH_FLOATING_TYPES(x.features.scalar_type(), "tensor_message", [&] {
    const std::vector<scalar_t> zeros = blank_row<scalar_t>(channels);
    Job<scalar_t> job = make_job(x, tangent, topology, groups, zeros);
    job.messages = rows_to_write<scalar_t>(messages);
    const int rank_in = rank_of(x.features);
    const auto run = tangent ? kernel<MessageLoop, scalar_t, Dual<scalar_t>>(rank_in, topology.rank_out)
                             : kernel<MessageLoop, scalar_t, scalar_t>(rank_in, topology.rank_out);
    parallel_over_atoms(groups, [&](std::int64_t first, std::int64_t last) { run(job, first, last); });
  });
  return messages;
}

MessageInputs differentiate(const MessageInputs& x, const MessageInputs* tangent, const at::Tensor& cotangent,
                            const MessageTopology& topology, Wanted wanted) {
  const std::int64_t channels = x.features.size(2);
  MessageInputs gradient;
  if (wanted.features) gradient.features = at::zeros_like(x.features);
  if (wanted.directions) gradient.directions = at::empty_like(x.directions);
  if (wanted.radial) gradient.radial = at::empty_like(x.radial);
  if (topology.receivers.size(0) == 0) return gradient;
  if (channels == 0) {
    if (wanted.directions) gradient.directions.zero_();
    return gradient;
  }
  const EdgeGroups groups = group_by_sender(topology, x.features.size(0));
  AT_DISPATCH_FLOATING_TYPES(x.features.scalar_type(), "tensor_message_gradients", [&] {
    const std::vector<scalar_t> zeros = blank_row<scalar_t>(channels);
    Job<scalar_t> job = make_job(x, tangent, topology, groups, zeros);
    job.cotangent = rows_to_read<scalar_t>(cotangent, zeros);
    job.features_gradient = rows_to_write<scalar_t>(gradient.features);
    job.directions_gradient = rows_to_write<scalar_t>(gradient.directions);
    job.radial_gradient = rows_to_write<scalar_t>(gradient.radial);
    const int rank_in = rank_of(x.features);
    const auto run = tangent ? kernel<GradientLoop, scalar_t, Dual<scalar_t>>(rank_in, topology.rank_out)
                             : kernel<GradientLoop, scalar_t, scalar_t>(rank_in, topology.rank_out);
    parallel_over_atoms(groups, [&](std::int64_t first, std::int64_t last) {
      // What is not wanted is written to a row of this thread that stays in its cache.
      std::vector<scalar_t> feature_scratch = blank_row<scalar_t>(channels);
      std::vector<scalar_t> radial_scratch = blank_row<scalar_t>(channels);
      std::vector<scalar_t> direction_scratch(3), by_channel(3 * channels);
      Job<scalar_t> mine = job;
      mine.scratch = by_channel.data();
      if (!wanted.features) mine.features_gradient = {feature_scratch.data(), 0};
      if (!wanted.directions) mine.directions_gradient = {direction_scratch.data(), 0};
      if (!wanted.radial) mine.radial_gradient = {radial_scratch.data(), 0};
      run(mine, first, last);
    });
  });
  return gradient;
}

}  // namespace

void check_message(const MessageInputs& x, const MessageTopology& topology) {
  const auto& [features, directions, radial] = x;
  const auto& [receivers, senders, n_receivers, rank_out] = topology;
  TORCH_CHECK(rank_out >= 0 && rank_out <= 2, "tensor_message: rank_out is ", rank_out,
              ", expected 0, 1 or 2.");
  TORCH_CHECK(
      features.dim() == 3 && (features.size(1) == 1 || features.size(1) == 4 || features.size(1) == 10),
      "tensor_message: features have shape ", features.sizes(),
      ", expected [n_senders, 1 | 4 | 10, channels].");
  TORCH_CHECK(features.scalar_type() == at::kFloat || features.scalar_type() == at::kDouble,
              "tensor_message: features are ", features.scalar_type(), ", expected float32 or float64.");
  TORCH_CHECK(receivers.dim() == 1 && receivers.scalar_type() == at::kLong, "tensor_message: receivers are ",
              receivers.scalar_type(), receivers.sizes(), ", expected int64 [n_edges].");
  const std::int64_t n_edges = receivers.size(0);
  TORCH_CHECK(senders.dim() == 1 && senders.scalar_type() == at::kLong && senders.size(0) == n_edges,
              "tensor_message: senders are ", senders.scalar_type(), senders.sizes(), ", expected int64 [",
              n_edges, "] as the receivers.");
  TORCH_CHECK(directions.dim() == 2 && directions.size(0) == n_edges && directions.size(1) == 3,
              "tensor_message: directions have shape ", directions.sizes(), ", expected [", n_edges,
              ", 3]: a unit vector per edge.");
  const int n_paths = path_count(rank_of(features), rank_out);
  TORCH_CHECK(radial.dim() == 3 && radial.size(0) == n_edges && radial.size(1) == n_paths &&
                  radial.size(2) == features.size(2),
              "tensor_message: radial weights have shape ", radial.sizes(), ", expected [", n_edges, ", ",
              n_paths, ", ", features.size(2),
              "]: edges, paths between these ranks, channels of the features.");
  TORCH_CHECK(
      directions.scalar_type() == features.scalar_type() && radial.scalar_type() == features.scalar_type(),
      "tensor_message: features are ", features.scalar_type(), ", directions ", directions.scalar_type(),
      ", radial weights ", radial.scalar_type(), "; convert them to one type.");
  for (const at::Tensor& t : {features, directions, radial, receivers, senders}) {
    TORCH_CHECK(t.is_cpu(), "tensor_message: a tensor is on ", t.device(),
                ", expected all of them on the CPU.");
    TORCH_INTERNAL_ASSERT(t.is_contiguous());
  }
  const std::int64_t* receiver = receivers.const_data_ptr<std::int64_t>();
  const std::int64_t* sender = senders.const_data_ptr<std::int64_t>();
  const std::int64_t n_senders = features.size(0);
  std::int64_t previous = 0;
  for (std::int64_t e = 0; e < n_edges; ++e) {
    TORCH_CHECK(receiver[e] >= previous, "tensor_message: receivers[", e, "] = ", receiver[e],
                e == 0 ? " is negative." : " follows a larger one; sort the edges by receiver.");
    TORCH_CHECK(receiver[e] < n_receivers, "tensor_message: receivers[", e, "] = ", receiver[e],
                ", expected less than n_receivers = ", n_receivers, ".");
    TORCH_CHECK(sender[e] >= 0 && sender[e] < n_senders, "tensor_message: senders[", e, "] = ", sender[e],
                ", expected 0 <= sender < ", n_senders, ", the number of rows of features.");
    previous = receiver[e];
  }
}

at::Tensor sum_messages(const MessageInputs& x, const MessageTopology& topology) {
  return sum(x, nullptr, topology);
}

at::Tensor sum_messages_tangent(const MessageInputs& x, const MessageInputs& tangent,
                                const MessageTopology& topology) {
  return sum(x, &tangent, topology);
}

MessageInputs message_gradients(const MessageInputs& x, const at::Tensor& cotangent,
                                const MessageTopology& topology, Wanted wanted) {
  return differentiate(x, nullptr, cotangent, topology, wanted);
}

MessageInputs message_gradients_tangent(const MessageInputs& x, const MessageInputs& tangent,
                                        const at::Tensor& cotangent, const MessageTopology& topology,
                                        Wanted wanted) {
  return differentiate(x, &tangent, cotangent, topology, wanted);
}

}  // namespace hotpp::ops
