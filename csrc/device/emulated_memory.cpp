// SPDX-License-Identifier: GPL-2.0-or-later
#include "device/emulated_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>
#include <new>

namespace hotpp::emulated {
namespace {

constexpr std::size_t kRoom = std::size_t{8} << 30;  // addresses; pages are taken as they are used
constexpr std::size_t kPage = 4096;

std::size_t in_pages(std::size_t bytes) {
  return (std::max<std::size_t>(bytes, 1) + kPage - 1) / kPage * kPage;
}

}  // namespace

Memory& Memory::instance() {
  static auto* memory = new Memory;  // outlives torch's static objects
  return *memory;
}

Memory::Memory() {
  void* room = mmap(nullptr, kRoom, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  begin_ = static_cast<char*>(room);
}

void* Memory::allocate(std::size_t bytes) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  const std::size_t size = in_pages(bytes);
  const auto hole = std::find_if(free_.begin(), free_.end(), [&](const auto& h) { return h.second >= size; });
  std::size_t place = used_;
  if (hole != free_.end()) {
    place = hole->first;
    const std::size_t rest = hole->second - size;
    free_.erase(hole);
    if (rest) free_[place + size] = rest;
  } else {
    if (used_ + size > kRoom) throw std::bad_alloc();
    used_ += size;
    if (open_) protect(PROT_READ | PROT_WRITE);
  }
  blocks_[begin_ + place] = size;
  return begin_ + place;
}

void Memory::release(void* block) noexcept {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  const auto found = blocks_.find(block);
  if (found == blocks_.end()) return;
  const auto place = static_cast<std::size_t>(static_cast<char*>(block) - begin_);
  auto hole = free_.emplace(place, found->second).first;
  blocks_.erase(found);
  const auto next = std::next(hole);
  if (next != free_.end() && hole->first + hole->second == next->first) {
    hole->second += next->second;
    free_.erase(next);
  }
  if (hole == free_.begin()) return;
  const auto before = std::prev(hole);
  if (before->first + before->second != hole->first) return;
  before->second += hole->second;
  free_.erase(hole);
}

void Memory::open() {
  mutex_.lock();
  if (open_++ == 0) protect(PROT_READ | PROT_WRITE);
}

void Memory::close() {
  if (--open_ == 0) protect(PROT_NONE);
  mutex_.unlock();
}

void Memory::protect(int protection) {
  if (used_) mprotect(begin_, used_, protection);
}

}  // namespace hotpp::emulated
