// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/mesh_scratch.h"

#include <array>
#include <map>
#include <mutex>

namespace hotpp::ops {

template <class Real>
Real* scratch(std::size_t size) {
  thread_local std::size_t capacity = 0;
  thread_local std::unique_ptr<pme::AlignedArray<Real>> memory;
  if (size > capacity) {
    memory.reset();
    memory = std::make_unique<pme::AlignedArray<Real>>(size);
    capacity = size;
  }
  return memory ? memory->data() : nullptr;
}

template <class Real>
std::shared_ptr<const pme::Fft<Real>> transforms(const pme::Grid<Real>& grid) {
  constexpr std::size_t most = 256;  // of a data set with many cells; a plan is some kilobytes
  static std::mutex mutex;
  static std::map<std::array<std::ptrdiff_t, 4>, std::shared_ptr<const pme::Fft<Real>>> known;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto [k1, k2, k3] = grid.points;
  const std::array<std::ptrdiff_t, 4> key{k1, k2, k3, grid.row};
  if (const auto found = known.find(key); found != known.end()) return found->second;
  if (known.size() >= most) known.clear();
  const pme::AlignedArray<Real> memory(grid.size());  // planning may write
  return known[key] = std::make_shared<const pme::Fft<Real>>(grid, memory.data());
}

template float* scratch(std::size_t);
template double* scratch(std::size_t);
template std::shared_ptr<const pme::Fft<float>> transforms(const pme::Grid<float>&);
template std::shared_ptr<const pme::Fft<double>> transforms(const pme::Grid<double>&);

}  // namespace hotpp::ops
