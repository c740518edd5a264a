// SPDX-License-Identifier: GPL-2.0-or-later
//
// What tensor_message asks of a device. The sums themselves, or with `tangent` their derivatives along the
// tangents of the arrays.
#pragma once

#include <cstddef>
#include <memory>

#include "ops/device/message_kernels.h"

namespace hotpp::ops::device {

struct MessageKind {
  int rank_in, rank_out;
  bool tangent;
};

template <class Real>
class MessageDevice {
 public:
  virtual ~MessageDevice() = default;

  virtual void messages(MessageKind, const MessageArrays<Real>&, const EdgeGroups& by_receiver,
                        Real* messages) = 0;
  virtual void feature_gradients(MessageKind, const MessageArrays<Real>&, const EdgeGroups& by_sender,
                                 Real* gradient) = 0;
  virtual void edge_gradients(MessageKind, const MessageArrays<Real>&, Real* gradient) = 0;
  virtual void find_knots(const MessageArrays<Real>&, std::int64_t* knots) = 0;
  // partial: [knots - 1, parts, 4, paths, C] to work with.
  virtual void table_gradients(MessageKind, const MessageArrays<Real>&, const EdgeGroups& by_knot, int parts,
                               Real* partial, Real* gradient) = 0;
};

// stream: cudaStream_t of that device, which becomes the current one of the calling thread. Compiled, not yet
// run on a device.
template <class Real>
std::unique_ptr<MessageDevice<Real>> cuda_message_device(int device, void* stream);

}  // namespace hotpp::ops::device
