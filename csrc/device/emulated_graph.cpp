// SPDX-License-Identifier: GPL-2.0-or-later
#include "device/emulated_graph.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <cstring>

namespace hotpp::emulated {
namespace {

Recording* recording = nullptr;  // one stream, one recording
thread_local int operators = 0;  // that are running, one within the other

}  // namespace

Recording::Operator::Operator() { ++operators; }
Recording::Operator::~Operator() { --operators; }

Recording::~Recording() {
  if (recording == this) recording = nullptr;
}

Recording* Recording::active() { return operators > 0 ? nullptr : recording; }

void Recording::refuse(const std::string& what) { TORCH_CHECK(!active(), what, " cannot be recorded"); }

void Recording::allocated(void* block, std::size_t bytes) {
  if (recording) recording->blocks_[block] = bytes;
}

void Recording::released(void* block) noexcept {
  if (recording) recording->blocks_.erase(block);
}

void Recording::begin(DeviceGraph*) {
  TORCH_CHECK(!recording, "something else is being recorded");
  recording = this;
}

void Recording::end() {
  recording = nullptr;
  const Memory::Access access;
  for (const auto& [block, bytes] : blocks_) std::memset(block, 0xff, bytes);
  blocks_.clear();
}

void Recording::replay() {
  const Memory::Access access;  // once for all: no other code runs in between
  const at::AutoDispatchBelowADInplaceOrView below;
  const at::NoGradGuard no_gradients;
  for (const auto& work : work_) work();
}

}  // namespace hotpp::emulated

extern "C" __attribute__((visibility("default"))) hotpp::DeviceGraph* hotpp_make_device_graph() {
  return new hotpp::emulated::Recording;
}
