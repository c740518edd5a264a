// SPDX-License-Identifier: GPL-2.0-or-later
//
// atom_update and its gradients by messages and features on a device: one kernel each. Nothing waits for the
// device, and memory comes from torch only. Training is composed of torch operations
// (atom_update_compose.cpp).
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <cstdint>

#include "ops/atom_update_tensors.h"
#include "ops/device/backend.h"
#include "ops/device/operators.h"

namespace hotpp::ops {
namespace {

using at::Tensor;

// The kernels move 16 bytes at a time.
Tensor aligned(const Tensor& t) {
  const bool good = t.numel() == 0 || reinterpret_cast<std::uintptr_t>(t.const_data_ptr()) % 16 == 0;
  return good ? t : t.clone();
}

bool is_fused_on_device(const Tensor& messages, bool training) {
  const std::int64_t components = messages.size(1);
  if (training || components == 0 || messages.size(2) > 4096) return false;
  const OnDevice on(messages);
  bool good = false;
  AT_DISPATCH_FLOATING_TYPES(messages.scalar_type(), "atom_update", [&] {
    good = on.updates<scalar_t>()->fits(components == 1   ? 0
                                        : components == 4 ? 1
                                                          : 2,
                                        static_cast<int>(messages.size(2)));
  });
  return good;
}

UpdateStep forward_on_device(const Tensor& messages, const Tensor& features, const Tensor& species,
                             const Tensor& elements, const Tensor& weights, bool many_body, bool last,
                             bool charges, bool dipoles, bool keep) {
  const UpdateInputs x{aligned(messages), aligned(features), species, elements, aligned(weights)};
  const UpdateKind kind = describe_update(x, many_body, last, charges, dipoles);
  const OnDevice on(messages);
  const UpdateOutputs out = empty_results(x, kind);
  const std::int64_t n = messages.size(0);
  const Tensor kept = at::empty({keep ? n : 0, update_planes(kind).count, kind.channels}, messages.options());
  AT_DISPATCH_FLOATING_TYPES(messages.scalar_type(), "atom_update", [&] {
    UpdateJob<scalar_t> job = make_job<scalar_t>(x, kind);
    put_results(job, out);
    if (n > 0) on.updates<scalar_t>()->forward(job, n, data<scalar_t>(kept));
  });
  return {out.features, out.sent, out.energies, out.charges, out.dipoles, kept};
}

std::tuple<Tensor, Tensor> gradients_on_device(
    const Tensor& messages, const Tensor& features, const Tensor& species, const Tensor& elements,
    const Tensor& weights, const Tensor& kept, const Tensor& new_features, const Tensor& by_features,
    const Tensor& by_sent, const Tensor& by_energies, const Tensor& by_charges, const Tensor& by_dipoles,
    bool many_body, bool last, bool charges, bool dipoles, bool want_messages, bool want_features) {
  const UpdateInputs x{messages, aligned(features), species, elements, aligned(weights)};
  const UpdateKind kind = describe_update(x, many_body, last, charges, dipoles);
  const UpdateOutputs by_results{aligned(by_features), aligned(by_sent), by_energies, by_charges, by_dipoles};
  const Tensor now = aligned(new_features);
  const OnDevice on(messages);
  Tensor by_messages, by_old;
  if (want_messages) by_messages = at::empty_like(messages);
  if (want_features) by_old = at::empty_like(features);
  const std::int64_t n = messages.size(0);
  AT_DISPATCH_FLOATING_TYPES(messages.scalar_type(), "atom_update", [&] {
    UpdateJob<scalar_t> job = make_job<scalar_t>(x, kind);
    put_seeds(job, by_results);
    job.new_features = data<scalar_t>(now);
    job.messages_gradient = data<scalar_t>(by_messages);
    job.features_gradient = data<scalar_t>(by_old);
    if (n > 0) on.updates<scalar_t>()->backward(job, n, constant_data<scalar_t>(kept));
  });
  return {by_messages, by_old};
}

}  // namespace

void register_update_operators(torch::Library& m) {
  m.impl("_atom_update_is_fused", is_fused_on_device);
  m.impl("_atom_update_forward", forward_on_device);
  m.impl("_atom_update_gradients", gradients_on_device);
}

}  // namespace hotpp::ops
