// SPDX-License-Identifier: GPL-2.0-or-later
//
// The fused forward and backward pass of atom_update over one block of atoms, compiled once per instruction
// set and chosen when the program runs. Plain data only: the kernel files must not share inline functions,
// see pme/cpu/simd.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/atom_update_planes.h"

namespace hotpp::ops {

// Atoms of a block: its planes stay in the second-level cache, and all numbers of rows are multiples of the
// six rows that a matrix product takes at a time.
constexpr int kBlockAtoms = 24;

template <class Real>
struct UpdateJob {
  int channels, row, components, feature_components, rank;  // row: padded channels
  bool many_body, last, charges, dipoles;
  UpdateWeights at;
  UpdatePlanes planes;
  const Real *messages, *features, *weights;
  const Real* factors;   // [n_elements, row] of the messages; CPU only: devices read those of `elements`
  const Real* elements;  // [n_elements, channels + 2]
  const std::int64_t* species;
  // Results; null where they do not exist.
  Real *new_features, *sent, *energies, *charge, *dipole;  // new_features: backward reads them
  // Backward: gradients by the results, null for zero, and by messages and features, null if not wanted.
  const Real *by_features, *by_sent, *by_energies, *by_charge, *by_dipole;
  Real *messages_gradient, *features_gradient;
  // Training. Weights: as `weights` without the transposed matrices, the sum over a chunk of blocks; factors:
  // a row of channels for every atom [n, C].
  Real *weights_gradient, *factors_gradient;
  const Real *messages_tangent, *features_tangent;  // null: zero
  std::ptrdiff_t to_tangent;                        // from a plane of values to that of their tangents
  std::int64_t n_elements;  // rows of `elements`; the CPU has looked at the species beforehand
};

template <class Real>
struct UpdateKernels {
  // Atoms [first, first + count), count <= kBlockAtoms. planes: of this block; scratch: scratch_planes more.
  using Block = void (*)(const UpdateJob<Real>&, std::int64_t first, int count, Real* planes, Real* scratch);
  Block forward, backward;
  // Forward and backward pass at once, everything computed anew: gradients by messages, features, weights and
  // factors; or (tangent) those of the gradient's component along the tangent, and that of the results.
  // scratch: training_planes, twice with tangents.
  Block train, train_tangent;
};
constexpr int kScratchPlanes = 56;
constexpr int kTrainingPlanes = 160;

template <class Real>
const UpdateKernels<Real>& update_kernels();

}  // namespace hotpp::ops
