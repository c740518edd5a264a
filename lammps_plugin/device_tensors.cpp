// SPDX-License-Identifier: GPL-2.0-or-later
#include "device_tensors.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <stdexcept>

namespace hotpp {

// Through torch's registry of devices: libraries of CUDA need not be there when this is linked.
void synchronise(at::Device device) {
  if (device.is_cpu()) return;
  const c10::impl::VirtualGuardImpl guard(device.type());
  guard.synchronizeStream(guard.getStream(device));
}

void* stream_of(at::Device device) {
  if (device.is_cpu()) return nullptr;
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
}

void with_plain_errors(at::Device device, const std::function<void()>& action) {
  try {
    action();
  } catch (const c10::OutOfMemoryError& error) {
    throw std::runtime_error("the memory of " + device.str() + " is full (" + error.what_without_backtrace() +
                             "): use more devices, 'precision single', or fewer atoms");
  } catch (const c10::Error& error) {
    throw std::runtime_error(device.str() + " failed (" + error.what_without_backtrace() +
                             "): 'device cpu' tells whether it is the device");
  }
}

at::Tensor HostBuffer::take(at::IntArrayRef shape, at::ScalarType type, at::Device device) {
  std::int64_t bytes = static_cast<std::int64_t>(c10::elementSize(type));
  for (const std::int64_t n : shape) bytes *= n;
  if (!bytes_.defined() || bytes_.numel() < bytes) {
    // Room to spare: the number of ghosts changes with every neighbour list, and locking pages takes long.
    const std::int64_t room = std::max<std::int64_t>(bytes + bytes / 4, 1024);
    bytes_ = at::empty({room}, at::TensorOptions(at::kByte).pinned_memory(!device.is_cpu()));
  }
  return bytes_.narrow(0, 0, bytes).view(type).view(shape);
}

at::Tensor segment_sums(const at::Tensor& values, const at::Tensor& counts) {
  if (values.size(0) == 0) return at::zeros({counts.size(0), values.size(1)}, values.options());
  // unsafe: without a look at the counts, for which the host would wait
  return at::segment_reduce(values, "sum", counts, {}, {}, 0, /*unsafe=*/true, 0.0);
}

}  // namespace hotpp
