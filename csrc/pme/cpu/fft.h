// SPDX-License-Identifier: GPL-2.0-or-later
// Real-to-complex transform of the mesh in place, through the FFTW3 interface (FFTW or MKL), for the torch
// operators. The plan has transforms of its own (convolution.h), 2 to 4 times as fast.
//
// Split into (y, z) transforms of one plane and x transforms of one slab of fixed y, so that our own threads
// share out planes and slabs and each transform is done by one thread: same bits for any number of threads.
// Not normalised; forward uses exp(-i k r).
#pragma once

#include <string>

#include "pme/cpu/grid.h"

namespace hotpp::pme {

template <class Real>
class Fft {
 public:
  /// Planning may overwrite the mesh.
  Fft(const Grid<Real>& grid, Real* mesh);
  ~Fft();
  Fft(const Fft&) = delete;
  Fft& operator=(const Fft&) = delete;

  void plane_forward(Real* mesh, int x) const;
  void plane_backward(Real* mesh, int x) const;
  void slab_forward(Real* mesh, int y) const;
  void slab_backward(Real* mesh, int y) const;

 private:
  Grid<Real> grid_;
  void *plane_forward_ = nullptr, *plane_backward_ = nullptr, *slab_forward_ = nullptr,
       *slab_backward_ = nullptr;
};

/// Which library does the transforms, e.g. "MKL 2026.0".
std::string fft_library();

}  // namespace hotpp::pme
