// SPDX-License-Identifier: GPL-2.0-or-later
// A caller's array, float64 or float32. Which one is the same for all threads, so the branch costs nothing.
#pragma once

#include "pme/host_device.h"

namespace hotpp::pme::cuda {

struct Values {
  const void* data = nullptr;
  bool single = false;

  Values() = default;
  Values(const double* p) : data(p) {}
  Values(const float* p) : data(p), single(true) {}
  HOTPP_HOST_DEVICE double operator[](long long i) const {
    return single ? static_cast<const float*>(data)[i] : static_cast<const double*>(data)[i];
  }
};

struct MutableValues {
  void* data = nullptr;
  bool single = false;

  MutableValues() = default;
  MutableValues(double* p) : data(p) {}
  MutableValues(float* p) : data(p), single(true) {}
  HOTPP_HOST_DEVICE void store(long long i, double value) const {
    if (single)
      static_cast<float*>(data)[i] = static_cast<float>(value);
    else
      static_cast<double*>(data)[i] = value;
  }
};

}  // namespace hotpp::pme::cuda
