// SPDX-License-Identifier: GPL-2.0-or-later
//
// From tensors to the kernels of atom_update: memory, blocks of atoms, threads, instruction set.
#include "ops/atom_update_cpu.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "ops/atom_update_tensors.h"
#include "ops/mesh_scratch.h"
#include "pme/cpu/kernels.h"

namespace hotpp::ops {

#define HOTPP_DECLARE_TABLES(REAL) \
  extern const UpdateKernels<REAL> update_##REAL##_portable, update_##REAL##_avx2, update_##REAL##_avx512;
HOTPP_DECLARE_TABLES(float)
HOTPP_DECLARE_TABLES(double)

#ifdef HOTPP_X86_KERNELS
#define HOTPP_CHOOSE(REAL)                                        \
  const char* const isa = pme::instruction_set();                 \
  if (!std::strcmp(isa, "avx512")) return update_##REAL##_avx512; \
  if (!std::strcmp(isa, "avx2")) return update_##REAL##_avx2;     \
  return update_##REAL##_portable
#else
#define HOTPP_CHOOSE(REAL) return update_##REAL##_portable
#endif
template <>
const UpdateKernels<float>& update_kernels<float>() {
  HOTPP_CHOOSE(float);
}
template <>
const UpdateKernels<double>& update_kernels<double>() {
  HOTPP_CHOOSE(double);
}

namespace {

using at::Tensor;

std::int64_t block_count(std::int64_t n) { return (n + kBlockAtoms - 1) / kBlockAtoms; }

// Factors of the messages with rows as the matrices have them.
Tensor padded_factors(const Tensor& elements, std::int64_t channels) {
  return at::constant_pad_nd(elements.narrow(1, 0, channels), {0, padded_channels(channels) - channels})
      .contiguous();
}

template <class Real>
UpdateJob<Real> job_with(const UpdateInputs& x, const UpdateKind& kind, const Tensor& factors) {
  UpdateJob<Real> job = make_job<Real>(x, kind);
  job.factors = constant_data<Real>(factors);
  return job;
}

// Atoms in shares, one for each thread, and these in blocks. In whole blocks, one of two threads would have
// 72 of 128 atoms.
struct Shares {
  std::int64_t n, count;
  static constexpr std::int64_t kGroup = 6;  // atoms whose rows the matrices take at a time

  std::int64_t first(std::int64_t share) const {
    return std::min(n, kGroup * (share * ((n + kGroup - 1) / kGroup) / count));
  }
  std::int64_t blocks() const {  // of the largest share
    const std::int64_t groups = (n + kGroup - 1) / kGroup;
    return block_count(kGroup * ((groups + count - 1) / count));
  }
};

// kept: planes of all blocks, null: each thread overwrites its own.
template <class Real>
void run_blocks(const UpdateJob<Real>& job, const Shares& shares, typename UpdateKernels<Real>::Block kernel,
                Real* kept) {
  const std::int64_t plane = std::int64_t(kBlockAtoms) * job.row, of_block = plane * job.planes.count;
  at::parallel_for(0, shares.count, 1, [&](std::int64_t begin, std::int64_t end) {
    Real* const memory = scratch<Real>(Purpose::Atoms, plane * kScratchPlanes + (kept ? 0 : of_block));
    for (std::int64_t share = begin; share < end; ++share) {
      const std::int64_t last = shares.first(share + 1);
      Real* planes = kept ? kept + share * shares.blocks() * of_block : memory + plane * kScratchPlanes;
      for (std::int64_t first = shares.first(share); first < last; first += kBlockAtoms) {
        kernel(job, first, static_cast<int>(std::min<std::int64_t>(kBlockAtoms, last - first)), planes,
               memory);
        if (kept) planes += of_block;
      }
    }
  });
}

// Gradients by the weights are summed over chunks of blocks, and these are added in their order: few enough
// that their sums stay small, and the same for any number of threads.
constexpr std::int64_t kChunks = 8;

// tangent: null for first derivatives.
UpdateGradients train(const UpdateInputs& x, const UpdateKind& kind, const UpdateOutputs& by_results,
                      const UpdateGradients* tangent, const UpdateWanted& wanted, UpdateOutputs* by_seeds) {
  const std::int64_t n = x.messages.size(0), blocks = block_count(n), chunks = std::min(kChunks, blocks);
  const auto options = x.messages.options();
  UpdateGradients gradient;
  if (wanted.messages) gradient.messages = at::empty_like(x.messages);
  if (wanted.features) gradient.features = at::empty_like(x.features);
  const Tensor by_factors = at::empty({n, kind.channels}, options);
  const Tensor factors = padded_factors(x.elements, kind.channels);
  const UpdateWeights at = update_weights(kind);
  const Tensor by_weights = at::zeros({std::max<std::int64_t>(chunks, 1), at.size - at.transposed}, options);
  AT_DISPATCH_FLOATING_TYPES(x.messages.scalar_type(), "atom_update_training", [&] {
    UpdateJob<scalar_t> job = job_with<scalar_t>(x, kind, factors);
    put_seeds(job, by_results);
    if (by_seeds) put_results(job, *by_seeds);
    job.messages_gradient = data<scalar_t>(gradient.messages);
    job.features_gradient = data<scalar_t>(gradient.features);
    job.factors_gradient = data<scalar_t>(by_factors);
    const std::int64_t size = std::int64_t(kTrainingPlanes) * kBlockAtoms * job.row;
    auto kernel = update_kernels<scalar_t>().train;
    if (tangent) {
      kernel = update_kernels<scalar_t>().train_tangent;
      job.messages_tangent = constant_data<scalar_t>(tangent->messages);
      job.features_tangent = constant_data<scalar_t>(tangent->features);
      job.to_tangent = size;
    }
    at::parallel_for(0, chunks, 1, [&](std::int64_t begin, std::int64_t end) {
      scalar_t* const memory = scratch<scalar_t>(Purpose::Atoms, (tangent ? 2 : 1) * size);
      for (std::int64_t chunk = begin; chunk < end; ++chunk) {
        UpdateJob<scalar_t> mine = job;
        if (wanted.weights) mine.weights_gradient = data<scalar_t>(by_weights) + chunk * by_weights.size(1);
        for (std::int64_t block = chunk * blocks / chunks; block < (chunk + 1) * blocks / chunks; ++block) {
          const std::int64_t first = block * kBlockAtoms;
          kernel(mine, first, static_cast<int>(std::min<std::int64_t>(kBlockAtoms, n - first)), nullptr,
                 memory);
        }
      }
    });
  });
  if (wanted.weights) {
    const Tensor sum = by_weights.sum(0);
    gradient.weights = at::cat({sum.narrow(0, 0, at.transposed), at::zeros({at.transposed}, options),
                                sum.narrow(0, at.transposed, sum.size(0) - at.transposed)});
  }
  if (wanted.elements) {
    gradient.elements = at::zeros_like(x.elements);
    gradient.elements.narrow(1, 0, kind.channels).index_add_(0, x.species, by_factors);
    const auto add_constant = [&](const Tensor& seeds, std::int64_t column) {
      if (!tangent && seeds.defined() && seeds.numel() > 0)
        gradient.elements.select(1, kind.channels + column).index_add_(0, x.species, seeds);
    };
    add_constant(by_results.energies, 0);
    add_constant(by_results.charges, 1);
  }
  return gradient;
}

}  // namespace

UpdateOutputs fused_update(const UpdateInputs& x, const UpdateKind& kind, Tensor* kept) {
  const std::int64_t n = x.messages.size(0);
  const Shares shares{n, at::get_num_threads()};
  const UpdateOutputs out = empty_results(x, kind);
  const Tensor factors = padded_factors(x.elements, kind.channels);
  AT_DISPATCH_FLOATING_TYPES(x.messages.scalar_type(), "atom_update", [&] {
    UpdateJob<scalar_t> job = job_with<scalar_t>(x, kind, factors);
    put_results(job, out);
    if (kept) {
      *kept = at::empty({shares.count, shares.blocks() * job.planes.count * kBlockAtoms * job.row},
                        x.messages.options());
    }
    run_blocks<scalar_t>(job, shares, update_kernels<scalar_t>().forward,
                         kept ? data<scalar_t>(*kept) : nullptr);
  });
  return out;
}

UpdateGradients fused_update_gradients(const UpdateInputs& x, const UpdateKind& kind, const Tensor& kept,
                                       const Tensor& new_features, const UpdateOutputs& by_results,
                                       const UpdateWanted& wanted) {
  UpdateGradients gradient;
  if (wanted.messages) gradient.messages = at::empty_like(x.messages);
  if (wanted.features) gradient.features = at::empty_like(x.features);
  const Tensor factors = padded_factors(x.elements, kind.channels);
  AT_DISPATCH_FLOATING_TYPES(x.messages.scalar_type(), "atom_update_gradients", [&] {
    UpdateJob<scalar_t> job = job_with<scalar_t>(x, kind, factors);
    job.new_features = data<scalar_t>(new_features);
    put_seeds(job, by_results);
    job.messages_gradient = data<scalar_t>(gradient.messages);
    job.features_gradient = data<scalar_t>(gradient.features);
    // The shares of the forward pass, whatever the number of threads is by now.
    const Shares shares{x.messages.size(0), kept.size(0)};
    run_blocks<scalar_t>(job, shares, update_kernels<scalar_t>().backward, data<scalar_t>(kept));
  });
  return gradient;
}

UpdateGradients fused_training_gradients(const UpdateInputs& x, const UpdateKind& kind,
                                         const UpdateOutputs& by_results, const UpdateWanted& wanted) {
  return train(x, kind, by_results, nullptr, wanted, nullptr);
}

UpdateGradients fused_second_gradients(const UpdateInputs& x, const UpdateKind& kind,
                                       const UpdateOutputs& by_results, const UpdateGradients& tangent,
                                       const UpdateWanted& wanted, UpdateOutputs* by_seeds) {
  *by_seeds = empty_results(x, kind);
  return train(x, kind, by_results, &tangent, wanted, by_seeds);
}

}  // namespace hotpp::ops
