// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cuda/plan_cuda.cuh"

namespace hotpp::pme::cuda {

template class CudaPlan<double>;

}  // namespace hotpp::pme::cuda
