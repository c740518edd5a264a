// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/device/emulated_message.h"
#include "ops/device/message_launch.h"

namespace hotpp::ops::device {

template <class Real>
std::unique_ptr<MessageDevice<Real>> emulated_message_device(pme::cuda::Order order) {
  using pme::cuda::EmulatedLauncher;
  return std::make_unique<MessageLauncher<Real, EmulatedLauncher>>(EmulatedLauncher(order));
}
template std::unique_ptr<MessageDevice<float>> emulated_message_device(pme::cuda::Order);
template std::unique_ptr<MessageDevice<double>> emulated_message_device(pme::cuda::Order);

}  // namespace hotpp::ops::device
