// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/device/emulated_update.h"
#include "ops/device/update_launch.h"

namespace hotpp::ops::device {

template <class Real>
std::unique_ptr<UpdateDevice<Real>> emulated_update_device(pme::cuda::Order order) {
  using pme::cuda::EmulatedLauncher;
  constexpr std::size_t shared_limit = 227 * 1024;  // as an H100 or H200
  return std::make_unique<UpdateLauncher<Real, EmulatedLauncher>>(EmulatedLauncher(order), shared_limit);
}
template std::unique_ptr<UpdateDevice<float>> emulated_update_device(pme::cuda::Order);
template std::unique_ptr<UpdateDevice<double>> emulated_update_device(pme::cuda::Order);

}  // namespace hotpp::ops::device
