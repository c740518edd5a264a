// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whether a tensor is the one seen before, with the same content. Its memory is kept, so that nothing else
// can take its place there.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace hotpp::ops {

class TensorIdentity {
 public:
  // Tensors made in inference mode have no count of changes: they cannot be known again.
  static bool possible(const at::Tensor& tensor) { return !tensor.is_inference(); }

  explicit TensorIdentity(const at::Tensor& contiguous)
      : storage_(contiguous.storage()),
        offset_(contiguous.storage_offset()),
        size_(contiguous.numel()),
        version_(contiguous._version()) {}

  bool operator==(const TensorIdentity& o) const { return same_memory(o) && version_ == o.version_; }
  // The same tensor, whose content may have changed.
  bool same_memory(const TensorIdentity& o) const {
    return storage_.unsafeGetStorageImpl() == o.storage_.unsafeGetStorageImpl() && offset_ == o.offset_ &&
           size_ == o.size_;
  }

 private:
  c10::Storage storage_;
  std::int64_t offset_, size_, version_;
};

}  // namespace hotpp::ops
