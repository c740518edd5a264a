// SPDX-License-Identifier: GPL-2.0-or-later
//
// Edges of tensor_message grouped by the owners of its sums, in device memory. Of a list that was seen
// before, groups are known again. One that has changed in place gets its new groups in the memory of the old
// ones, so that recordings of a device (CUDA graphs) that use them go on with the new list.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <tuple>

#include "ops/device/message_device.h"

namespace hotpp::ops {

struct Groups {
  at::Tensor first;  // [n_owners + 1]
  at::Tensor order;  // [n_edges]; undefined: edges are in the order of their owners

  device::EdgeGroups view() const {
    return {first.const_data_ptr<std::int64_t>(),
            order.defined() ? order.const_data_ptr<std::int64_t>() : nullptr, first.size(0) - 1};
  }
};

// The edges of owners 0 ... n - 1; those of other owners belong to no group. Stable, so that sums have the
// same bits every time. Not remembered; does not wait.
Groups grouped(const at::Tensor& owner, std::int64_t n);

// When these receivers are seen for the first time: waits for the device and refuses indices that are out of
// range or not ascending. Later senders are only looked at by the kernels, which make NaN of bad ones.
Groups groups_by_receiver(const at::Tensor& receivers, const at::Tensor& senders, std::int64_t n_receivers,
                          std::int64_t n_senders);
// Does not wait.
Groups groups_by_sender(const at::Tensor& senders, std::int64_t n_senders);

// The operator _tensor_message_groups: groups a list before it is used, or after it has changed in place;
// returns what it keeps of them, `first` by receiver, `first` and `order` by sender.
std::tuple<at::Tensor, at::Tensor, at::Tensor> group_edges(const at::Tensor& receivers,
                                                           const at::Tensor& senders,
                                                           std::int64_t n_receivers, std::int64_t n_senders);

}  // namespace hotpp::ops
