// SPDX-License-Identifier: GPL-2.0-or-later
//
// From the tensors of atom_update to the pointers of its kernels, on the CPU and on devices. All tensors are
// contiguous.
#pragma once

#include <ATen/ATen.h>

#include "ops/atom_update.h"
#include "ops/atom_update_kernels.h"

namespace hotpp::ops {

template <class Real>
Real* data(const at::Tensor& t) {
  return t.defined() && t.numel() > 0 ? t.mutable_data_ptr<Real>() : nullptr;
}
template <class Real>
const Real* constant_data(const at::Tensor& t) {
  return t.defined() && t.numel() > 0 ? t.const_data_ptr<Real>() : nullptr;
}

// The layer and its inputs; what a pass reads and writes besides is still missing.
template <class Real>
UpdateJob<Real> make_job(const UpdateInputs& x, const UpdateKind& kind) {
  UpdateJob<Real> job{};
  job.channels = static_cast<int>(kind.channels);
  job.row = static_cast<int>(padded_channels(kind.channels));
  job.components = kind.components();
  job.feature_components = static_cast<int>(x.features.size(1));
  job.rank = kind.rank;
  job.many_body = kind.many_body;
  job.last = kind.last;
  job.charges = kind.charges;
  job.dipoles = kind.dipoles;
  job.at = update_weights(kind);
  job.planes = update_planes(kind);
  job.messages = constant_data<Real>(x.messages);
  job.features = constant_data<Real>(x.features);
  job.weights = constant_data<Real>(x.weights);
  job.elements = constant_data<Real>(x.elements);
  job.species = constant_data<std::int64_t>(x.species);
  job.n_elements = x.elements.size(0);
  return job;
}

// Room for the results that exist.
inline UpdateOutputs empty_results(const UpdateInputs& x, const UpdateKind& kind) {
  const std::int64_t n = x.messages.size(0);
  const auto options = x.messages.options();
  const auto present = [&](bool there, at::IntArrayRef shape) {
    return there ? at::empty(shape, options) : at::empty({0}, options);
  };
  return {present(!kind.last, x.messages.sizes()), present(!kind.last, x.messages.sizes()),
          present(true, {n}), present(kind.charges, {n}), present(kind.dipoles, {n, 3})};
}

template <class Real>
void put_results(UpdateJob<Real>& job, const UpdateOutputs& out) {
  job.new_features = data<Real>(out.features);
  job.sent = data<Real>(out.sent);
  job.energies = data<Real>(out.energies);
  job.charge = data<Real>(out.charges);
  job.dipole = data<Real>(out.dipoles);
}

template <class Real>
void put_seeds(UpdateJob<Real>& job, const UpdateOutputs& by_results) {
  job.by_features = constant_data<Real>(by_results.features);
  job.by_sent = constant_data<Real>(by_results.sent);
  job.by_energies = constant_data<Real>(by_results.energies);
  job.by_charge = constant_data<Real>(by_results.charges);
  job.by_dipole = constant_data<Real>(by_results.dipoles);
}

}  // namespace hotpp::ops
