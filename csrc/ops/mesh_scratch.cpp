// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/mesh_scratch.h"

#include <map>
#include <mutex>

namespace hotpp::ops {

template <class Real>
Real* scratch(Purpose purpose, std::size_t size) {
  struct Memory {
    std::size_t capacity = 0;
    std::unique_ptr<pme::AlignedArray<Real>> array;
  };
  thread_local Memory memories[3];
  Memory& memory = memories[static_cast<int>(purpose)];
  if (!memory.array || size > memory.capacity) {
    memory.array.reset();
    memory.array = std::make_unique<pme::AlignedArray<Real>>(size);
    memory.capacity = size;
  }
  return memory.array->data();
}

template <class Real>
std::shared_ptr<const Transforms<Real>> transforms(const std::array<int, 3>& mesh) {
  constexpr std::size_t most = 256;  // of a data set with many cells
  static std::mutex mutex;
  static std::map<std::array<int, 3>, std::shared_ptr<const Transforms<Real>>> known;
  const std::lock_guard<std::mutex> lock(mutex);
  if (const auto found = known.find(mesh); found != known.end()) return found->second;
  if (known.size() >= most) known.clear();
  return known[mesh] = std::make_shared<const Transforms<Real>>(mesh);
}

template float* scratch(Purpose, std::size_t);
template double* scratch(Purpose, std::size_t);
template std::shared_ptr<const Transforms<float>> transforms(const std::array<int, 3>&);
template std::shared_ptr<const Transforms<double>> transforms(const std::array<int, 3>&);

}  // namespace hotpp::ops
