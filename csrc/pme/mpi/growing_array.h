// SPDX-License-Identifier: GPL-2.0-or-later
// Memory that is kept between calls and only grows.
#pragma once

#include <cstddef>
#include <optional>

#include "pme/cpu/grid.h"

namespace hotpp::pme {

template <class T>
class GrowingArray {
 public:
  /// At least `size` elements, aligned to a cache line; their values are not kept.
  T* reserve(std::size_t size) {
    if (!array_ || size > capacity_) {
      capacity_ = size + size / 8;  // atoms come and go: not at every step
      array_.reset();
      array_.emplace(capacity_);
    }
    return array_->data();
  }
  T* data() const { return array_ ? array_->data() : nullptr; }

 private:
  std::optional<AlignedArray<T>> array_;
  std::size_t capacity_ = 0;
};

}  // namespace hotpp::pme
