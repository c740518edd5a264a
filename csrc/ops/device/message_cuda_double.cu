// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/device/message_cuda.cuh"

namespace hotpp::ops::device {
template std::unique_ptr<MessageDevice<double>> cuda_message_device(int, void*);
}
