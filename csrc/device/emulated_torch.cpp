// SPDX-License-Identifier: GPL-2.0-or-later
// A device of torch that is none: for tests of code that is to run on devices. Two of them, named "emulated".
//
// Its memory cannot be touched by host code (emulated_memory.h), copies that do not wait arrive late
// (emulated_stream.h), tensors of the host and the device do not mix, and steps can be recorded
// (emulated_graph.h). Every operator runs on the CPU, with copies there and back: right, and slow. torch
// keeps one place for such a device: it is PrivateUse1.
#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/enum_tag.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <cstring>
#include <optional>

#include "device/emulated_graph.h"
#include "device/emulated_memory.h"
#include "device/emulated_stream.h"

namespace hotpp::emulated {
namespace {

constexpr auto kEmulated = c10::DeviceType::PrivateUse1;
constexpr c10::DeviceIndex kDevices = 2;
thread_local c10::DeviceIndex current_device = 0;

c10::Device current() { return {kEmulated, current_device}; }

// Of the device, or of the host where a device reads it directly.
class DeviceAllocator : public c10::Allocator {
  c10::DataPtr allocate(std::size_t bytes) override {
    void* block = bytes ? Memory::instance().allocate(bytes) : nullptr;
    if (block) Recording::allocated(block, bytes);
    return {block, block, &release, current()};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    const Memory::Access access;
    std::memcpy(to, from, bytes);
  }
  static void release(void* block) {
    Recording::released(block);
    Memory::instance().release(block);
  }
};

class LockedAllocator : public c10::Allocator {
  c10::DataPtr allocate(std::size_t bytes) override {
    void* block = Stream::instance().allocate_locked(bytes);
    return {block, block, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
  static void release(void* block) { Stream::instance().release_locked(block); }
};

struct Guard : public c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kEmulated; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device before = current();
    setDevice(device);
    return before;
  }
  c10::Device getDevice() const override { return current(); }
  void setDevice(c10::Device device) const override { uncheckedSetDevice(device); }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    if (device.has_index()) current_device = device.index();
  }
  c10::Stream getStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, device.has_index() ? device : current());
  }
  c10::Stream getDefaultStream(c10::Device device) const override { return getStream(device); }
  c10::Stream getNewStream(c10::Device device, int) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  void* getStreamNativeHandle(c10::Stream) const override { return &Stream::instance(); }
  c10::DeviceIndex deviceCount() const noexcept override { return kDevices; }
  bool queryStream(const c10::Stream&) const override { return false; }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override { return getStream(device); }
  void synchronizeStream(const c10::Stream&) const override { synchronizeDevice(current_device); }
  void synchronizeDevice(c10::DeviceIndex) const override {
    Recording::refuse("Waiting for the device");
    Stream::instance().synchronise();
  }
  // One stream: what was recorded on it comes before everything that is started on it later.
  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
};

struct Hooks : public at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return kDevices; }
  void setCurrentDevice(c10::DeviceIndex device) const override { current_device = device; }
  c10::DeviceIndex getCurrentDevice() const override { return current_device; }
  bool isPinnedPtr(const void* p) const override { return Stream::instance().is_locked(p); }
  c10::Allocator* getPinnedMemoryAllocator() const override {
    static LockedAllocator allocator;
    return &allocator;
  }
};

DeviceAllocator device_allocator;

void make_device() {
  c10::register_privateuse1_backend("emulated");
  c10::SetAllocator(kEmulated, &device_allocator);
  at::RegisterPrivateUse1HooksInterface(new Hooks);
}

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)
[[maybe_unused]] const bool made = (make_device(), true);

constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);

at::Tensor empty(c10::IntArrayRef size, std::optional<at::ScalarType> type, std::optional<at::Layout>,
                 std::optional<at::Device> device, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_generic(size, &device_allocator, kKeys, c10::dtype_or_default(type), format);
}

at::Tensor empty_strided(c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<at::ScalarType> type,
                         std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_strided_generic(size, stride, &device_allocator, kKeys,
                                           c10::dtype_or_default(type));
}

// The bytes of a tensor of the device as a tensor of the host; only to be used while there is an Access.
at::Tensor as_host(const at::Tensor& tensor) {
  if (tensor.device().is_cpu()) return tensor;
  const auto options = tensor.options().device(c10::kCPU).requires_grad(false);
  if (tensor.numel() == 0) return at::empty(tensor.sizes(), options);
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), options);
}

void copy_bytes(const at::Tensor& from, const at::Tensor& to) {
  const Memory::Access access;
  as_host(to).copy_(as_host(from));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  const bool plain = from.is_contiguous() && to.is_contiguous() && from.scalar_type() == to.scalar_type() &&
                     from.sizes() == to.sizes() && from.nbytes() > 0;
  Stream& stream = Stream::instance();
  const bool within = !from.device().is_cpu() && !to.device().is_cpu();
  if (!within) Recording::refuse("A copy between host and device");
  if (non_blocking && plain && to.device().is_cpu() && to.is_pinned()) {
    stream.to_host_later(to.data_ptr(), from.data_ptr(), from.nbytes());
  } else if (non_blocking && plain && from.device().is_cpu() && from.is_pinned()) {
    stream.from_host_later(to.data_ptr(), from.data_ptr(), from.nbytes());
  } else {
    if (!within) stream.synchronise();
    copy_bytes(from, to);
    if (auto* recording = Recording::active()) recording->note([from, to] { copy_bytes(from, to); });
  }
  return to;
}

const at::Tensor& resize(const at::Tensor& self, c10::IntArrayRef size,
                         std::optional<at::MemoryFormat> format) {
  const c10::DeviceGuard guard(self.device());  // the allocator asks which device is current
  const Memory::Access access;
  return at::native::resize_(self, size, format);
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  to.resize_(from.sizes());
  return copy_from(from, to, false);
}

at::Tensor& set_storage(at::Tensor& self, at::Storage source, std::int64_t offset, c10::IntArrayRef size,
                        c10::IntArrayRef stride) {
  return at::native::set_storage_cpu_(self, std::move(source), offset, size, stride);
}

at::Scalar local_scalar(const at::Tensor& self) {
  Recording::refuse("Reading a number of the device");
  Stream::instance().synchronise();
  const Memory::Access access;
  return as_host(self).item();
}

// torch's way to the CPU leaves lists of tensors that may be missing where they are.
c10::List<std::optional<at::Tensor>> to_host(const c10::List<std::optional<at::Tensor>>& tensors) {
  c10::List<std::optional<at::Tensor>> there;
  for (const std::optional<at::Tensor> tensor : tensors)
    there.push_back(tensor && tensor->defined() ? std::optional<at::Tensor>(tensor->cpu()) : std::nullopt);
  return there;
}

// Runs an operator, and notes how it is run again: `run` gives its result, which goes where this one lies.
template <class Run>
at::Tensor recorded(const Run& run) {
  auto* recording = Recording::active();
  const Recording::Operator running;
  const at::Tensor result = run();
  if (recording)
    recording->note([run, result] {
      const Recording::Operator again;
      copy_bytes(run(), result);
    });
  return result;
}

// Masks select as many elements as are true.
void refuse_masks(const c10::List<std::optional<at::Tensor>>& indices) {
  for (const std::optional<at::Tensor> index : indices)
    if (index && index->defined() && index->scalar_type() == at::kBool)
      Recording::refuse("Indexing by a mask");
}

at::Tensor index(const at::Tensor& self, const c10::List<std::optional<at::Tensor>>& indices) {
  refuse_masks(indices);
  return recorded([self, indices] { return self.cpu().index(to_host(indices)).to(self.device()); });
}

at::Tensor& index_put(at::Tensor& self, const c10::List<std::optional<at::Tensor>>& indices,
                      const at::Tensor& values, bool accumulate, bool unsafe) {
  refuse_masks(indices);
  const at::Tensor target = self;
  recorded([target, indices, values, accumulate, unsafe] {
    at::Tensor here = target.cpu();
    at::_index_put_impl_(here, to_host(indices), values.cpu(), accumulate, unsafe);
    copy_bytes(here, target);
    return target;
  });
  return self;
}

void run_on_cpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const Recording::Operator running;
  at::native::cpu_fallback(op, stack);
}

// To where the results lay when they were recorded; an operator in place has written there itself.
void copy_results(const torch::jit::Stack& from, const torch::jit::Stack& to) {
  const auto copy = [](const at::Tensor& a, const at::Tensor& b) {
    if (a.defined() && a.numel() > 0 && a.data_ptr() != b.data_ptr()) copy_bytes(a, b);
  };
  for (std::size_t k = 0; k < to.size(); ++k) {
    if (to[k].isTensor()) copy(from[k].toTensor(), to[k].toTensor());
    if (!to[k].isTensorList()) continue;
    const auto a = from[k].toTensorVector(), b = to[k].toTensorVector();
    for (std::size_t i = 0; i < b.size(); ++i) copy(a[i], b[i]);
  }
}

void on_cpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  auto* recording = Recording::active();
  if (!recording) return run_on_cpu(op, stack);
  if (op.hasTag(at::Tag::dynamic_output_shape) || op.hasTag(at::Tag::data_dependent_output))
    Recording::refuse(op.schema().name() +
                      ", whose result has a shape that depends on numbers of the device,");
  const auto arguments = static_cast<std::ptrdiff_t>(op.schema().arguments().size());
  const auto returns = static_cast<std::ptrdiff_t>(op.schema().returns().size());
  const torch::jit::Stack inputs(stack->end() - arguments, stack->end());
  run_on_cpu(op, stack);
  const torch::jit::Stack results(stack->end() - returns, stack->end());
  recording->note([op, inputs, results] {
    torch::jit::Stack again = inputs;
    run_on_cpu(op, &again);
    copy_results(again, results);
  });
}

}  // namespace

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&on_cpu>()); }

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &empty);
  m.impl("empty_strided", &empty_strided);
  m.impl("_copy_from", &copy_from);
  m.impl("_copy_from_and_resize", &copy_from_and_resize);
  m.impl("_local_scalar_dense", &local_scalar);
  m.impl("view", static_cast<at::Tensor (*)(const at::Tensor&, c10::IntArrayRef)>(&at::native::view));
  m.impl("unfold", &at::native::unfold);
  m.impl("as_strided", &at::native::as_strided_tensorimpl);
  m.impl("_reshape_alias", &at::native::_reshape_alias);
  m.impl("index.Tensor", &index);
  m.impl("_index_put_impl_", &index_put);
  m.impl("resize_", &resize);
  m.impl("set_.source_Storage_storage_offset", &set_storage);
}

}  // namespace hotpp::emulated
