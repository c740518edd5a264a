// SPDX-License-Identifier: GPL-2.0-or-later
//
// Compiled, not yet run on a device. Only libraries of torch for CPUs are needed to link: the stream comes
// from torch's own table of devices.
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/library.h>

#include "ops/device/backend.h"
#include "ops/device/operators.h"

namespace hotpp::ops {
namespace {

// The native handle of a stream; older versions of torch only know it of the default stream.
template <class Guard>
auto native_handle(const Guard& guard, const c10::Stream& stream, int)
    -> decltype(guard.getStreamNativeHandle(stream)) {
  return guard.getStreamNativeHandle(stream);
}
template <class Guard>
void* native_handle(const Guard&, const c10::Stream& stream, long) {
  TORCH_CHECK(
      stream.id() == 0,
      "This version of torch does not tell the handle of a stream: run on the default stream, or build "
      "hotpp-lr against a newer torch.");
  return nullptr;
}

}  // namespace

OnDevice::OnDevice(const at::Tensor& tensor) : guard_(tensor.device()), index_(tensor.device().index()) {
  const c10::impl::VirtualGuardImpl guard(tensor.device().type());
  stream_ = native_handle(guard, guard.getStream(tensor.device()), 0);
}

template <class Real>
std::unique_ptr<pme::cuda::BatchDevice<Real>> OnDevice::mesh() const {
  return pme::cuda::cuda_batch_device<Real>(index_, stream_);
}
template std::unique_ptr<pme::cuda::BatchDevice<float>> OnDevice::mesh() const;
template std::unique_ptr<pme::cuda::BatchDevice<double>> OnDevice::mesh() const;

template <class Real>
std::unique_ptr<device::MessageDevice<Real>> OnDevice::messages() const {
  return device::cuda_message_device<Real>(index_, stream_);
}
template std::unique_ptr<device::MessageDevice<float>> OnDevice::messages() const;
template std::unique_ptr<device::MessageDevice<double>> OnDevice::messages() const;

template <class Real>
std::unique_ptr<device::UpdateDevice<Real>> OnDevice::updates() const {
  return device::cuda_update_device<Real>(index_, stream_);
}
template std::unique_ptr<device::UpdateDevice<float>> OnDevice::updates() const;
template std::unique_ptr<device::UpdateDevice<double>> OnDevice::updates() const;

TORCH_LIBRARY_IMPL(hotpp_lr, CUDA, m) { register_operators(m); }

}  // namespace hotpp::ops
