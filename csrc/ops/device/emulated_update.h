// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "ops/device/update_device.h"
#include "pme/cuda/emulated_device.h"

namespace hotpp::ops::device {

template <class Real>
std::unique_ptr<UpdateDevice<Real>> emulated_update_device(pme::cuda::Order);

}  // namespace hotpp::ops::device
