// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/device/update_cuda.cuh"

namespace hotpp::ops::device {
template std::unique_ptr<UpdateDevice<double>> cuda_update_device(int, void*);
}
