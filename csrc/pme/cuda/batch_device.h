// SPDX-License-Identifier: GPL-2.0-or-later
// What the mesh operators of training ask of a device: the steps between two transforms, for a whole batch.
// The transforms themselves are those of the caller's tensor library.
#pragma once

#include <cstddef>
#include <memory>

#include "pme/cuda/batch.h"
#include "pme/cuda/kernels/modes.h"
#include "pme/cuda/sites.h"

namespace hotpp::pme::cuda {

/// Everything in device memory.
template <class Real>
struct MultipoleArrays {
  const double* coordinates;  ///< [N, 3] mesh units, anywhere; atoms grouped by structure
  int rank;
  Site<Real>* sites;  ///< [N] memory to work with
  State* states;      ///< [S] zero
};

template <class Real>
class BatchDevice {
 public:
  virtual ~BatchDevice() = default;

  /// coefficients [N, components(rank)] -> mesh, the flat buffer, which must be zero; a structure with an
  /// atom that is not finite gets NaN everywhere. bins: one per bin of every structure, zero. The same bits
  /// every time.
  virtual void spread(const Batch&, const MultipoleArrays<Real>&, const Real* coefficients, int* bins,
                      Real* mesh) = 0;
  /// mesh -> derivatives [N, components(rank)]; NaN for the atoms of a structure with a bad atom.
  virtual void gather(const Batch&, const MultipoleArrays<Real>&, const Real* mesh, Real* derivatives) = 0;
  /// partial_sums: partial_size numbers to work with.
  virtual void sum_modes(const Batch&, ModePass, const Kernel&, const ModeArrays<Real>&,
                         double* partial_sums) = 0;
  static std::size_t partial_size(const Batch& batch) {
    return static_cast<std::size_t>(batch.structures) * mode_columns *
           SumModes<Real, ModePass::Power>::grid(batch.most_modes);
  }
};

/// stream: cudaStream_t of that device, which becomes the current one of the calling thread. Compiled, not
/// yet run on a device.
template <class Real>
std::unique_ptr<BatchDevice<Real>> cuda_batch_device(int device, void* stream);

}  // namespace hotpp::pme::cuda
