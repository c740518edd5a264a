// SPDX-License-Identifier: GPL-2.0-or-later
// Spread and gather of multipole ranks 0 to 3 on a CUDA device (pme/multipoles.h says what the components
// are), for the operators of training. Compiled, and its kernels are tested on the CPU; not yet run on a
// device.
//
// One object has one workspace: one call at a time, on one stream after the other. Nothing waits for the
// device unless there are more atoms than ever before.
#pragma once

#include <array>
#include <memory>

namespace hotpp::pme::cuda {

template <class Real>
class CudaMultipoles {
 public:
  /// For the current device of the calling thread.
  CudaMultipoles(const std::array<int, 3>& mesh, int order);
  ~CudaMultipoles();

  // Everything in device memory; stream is a cudaStream_t; rank with order >= lowest_order(rank).

  /// coordinates [n, 3] mesh units, anywhere; coefficients [n, components(rank)] -> mesh [K1, K2, K3],
  /// overwritten; NaN everywhere if an atom is not finite. The same bits every time.
  void spread(void* stream, int n, const double* coordinates, int rank, const Real* coefficients, Real* mesh);
  /// mesh [K1, K2, K3] -> derivatives [n, components(rank)].
  void gather(void* stream, int n, const double* coordinates, int rank, const Real* mesh, Real* derivatives);

  /// The same with arrays on the host, waiting for the result; for tests.
  void spread_host(int n, const double* coordinates, int rank, const Real* coefficients, Real* mesh);
  void gather_host(int n, const double* coordinates, int rank, const Real* mesh, Real* derivatives);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hotpp::pme::cuda
