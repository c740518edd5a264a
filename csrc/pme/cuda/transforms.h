// SPDX-License-Identifier: GPL-2.0-or-later
// Real-to-complex transforms in place by cuFFT. Not normalised; forward uses exp(-i k r).
//
// cuFFT is opened when the first plan is made, not linked: it weighs 0.2 GB, the one that torch has loaded
// already can be used, and nothing of it is needed to compile. HOTPP_CUFFT names another library file.
#pragma once

#include <string>

#include "pme/cuda/layout.h"

namespace hotpp::pme::cuda {

class Transforms {
 public:
  Transforms(const Layout&, bool single);
  ~Transforms();
  Transforms(const Transforms&) = delete;
  Transforms& operator=(const Transforms&) = delete;

  /// stream: cudaStream_t.
  void set_stream(void* stream);
  void forward(void* mesh);
  void backward(void* mesh);

 private:
  bool single_;
  int forward_ = -1, backward_ = -1;
};

/// Version number of cuFFT, e.g. 12000; opens the library.
int cufft_version();

}  // namespace hotpp::pme::cuda
