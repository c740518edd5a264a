// SPDX-License-Identifier: GPL-2.0-or-later
#include "device/emulated_stream.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>
#include <stdexcept>
#include <utility>

#include "device/emulated_memory.h"

namespace hotpp::emulated {

Stream& Stream::instance() {
  static auto* stream = new Stream;
  return *stream;
}

void Stream::to_host_later(void* host, const void* device, std::size_t bytes) {
  const Memory::Access access;
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  const auto* source = static_cast<const char*>(device);
  copies_.push_back({static_cast<char*>(host), {source, source + bytes}, true});
}

void Stream::from_host_later(void* device, const void* host, std::size_t bytes) {
  const Memory::Access access;
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  const auto* source = static_cast<const char*>(host);
  std::memcpy(device, host, bytes);
  copies_.push_back({const_cast<char*>(source), {source, source + bytes}, false});
}

void Stream::synchronise() {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  bool changed = false;
  for (const Copy& copy : std::exchange(copies_, {})) {
    if (copy.to_host) {
      std::memcpy(copy.host, copy.bytes.data(), copy.bytes.size());
    } else {
      changed = changed || std::memcmp(copy.host, copy.bytes.data(), copy.bytes.size()) != 0;
    }
  }
  if (changed)
    throw std::runtime_error(
        "The host changed memory that a copy to the device was still reading: synchronise the stream first.");
}

void* Stream::allocate_locked(std::size_t bytes) {
  void* block = std::malloc(std::max<std::size_t>(bytes, 1));
  if (!block) throw std::bad_alloc();
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  locked_[static_cast<char*>(block)] = bytes;
  return block;
}

// As torch's allocators for page-locked memory: what is still being copied stays.
void Stream::release_locked(void* block) noexcept {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  const auto found = locked_.find(static_cast<char*>(block));
  if (found == locked_.end()) return;
  const char *begin = found->first, *end = begin + found->second;
  copies_.erase(std::remove_if(copies_.begin(), copies_.end(),
                               [&](const Copy& c) { return c.host >= begin && c.host < end; }),
                copies_.end());
  locked_.erase(found);
  std::free(block);
}

bool Stream::is_locked(const void* p) const {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  const auto* address = static_cast<const char*>(p);
  const auto after = locked_.upper_bound(address);
  if (after == locked_.begin()) return false;
  const auto block = std::prev(after);
  return address < block->first + std::max<std::size_t>(block->second, 1);
}

}  // namespace hotpp::emulated
