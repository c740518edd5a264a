// SPDX-License-Identifier: GPL-2.0-or-later
// Clusters (no periodic axis) on a device, by the direct sum over all pairs in float64. The same for CUDA and
// for the emulated device.
#pragma once

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "pme/cuda/kernels/pairs.h"
#include "pme/radial_table.h"

namespace hotpp::pme::cuda {

template <class Device>
class ClusterPipeline {
 public:
  template <class T>
  using Buffer = typename Device::template Buffer<T>;

  /// farthest: no two atoms may be farther apart, Å. A Gaussian needs no limit: its table ends where it is a
  /// point charge.
  ClusterPipeline(const Kernel& kernel, double farthest, bool subtract_self, Device& device)
      : table_(kernel, checked(farthest)),
        self_charge_(subtract_self ? 0.0 : kernel.self_charge),
        self_dipole_(subtract_self ? 0.0 : kernel.self_dipole),
        farthest_(kernel.kind == KernelKind::Gaussian ? std::numeric_limits<double>::infinity() : farthest),
        device_(device) {
    coefficients_.allocate(table_.table().size());
    device.upload(coefficients_, table_.table().data(), table_.table().size());
    State state{};
    state.reported_atom = std::numeric_limits<int>::max();
    state_.allocate(1);
    device.upload(state_, &state, 1);
  }

  State* state() { return state_.data(); }
  int capacity() const { return capacity_; }

  /// Room for n atoms; 56 bytes each.
  void reserve(int n) {
    if (n <= capacity_ && capacity_ > 0) return;
    capacity_ = std::max({n, capacity_ + capacity_ / 4, 256});
    sums_.allocate(capacity_);
    const FinishPairs most{capacity_, {}, {}, 0.0, 0.0, nullptr, nullptr, nullptr};
    partial_sums_.allocate(static_cast<std::size_t>(FinishPairs::columns) * most.grid());
  }

  /// After reserve.
  void run(const DeviceAtoms& atoms, const DeviceOutput& output) {
    device_.launch(ClearState{atoms.n, state_.data()}, 1);
    if (atoms.dipoles.data)
      sum<true>(atoms);
    else
      sum<false>(atoms);
    const FinishPairs finish{
        atoms.n,      atoms, output, self_charge_, self_dipole_, sums_.data(), partial_sums_.data(),
        state_.data()};
    device_.launch(finish, finish.grid());
  }

 private:
  static double checked(double farthest) {
    if (farthest > 0.0 && farthest <= 1e6) return farthest;
    throw std::invalid_argument("farthest is " + std::to_string(farthest) +
                                ": give the largest distance of two atoms of the cluster in Å, up to 1e6.");
  }

  template <bool Dipoles>
  void sum(const DeviceAtoms& atoms) {
    if (atoms.n == 0) return;
    RadialFunctions radial = table_.numbers();
    radial.table = coefficients_.data();
    const SumPairs<Dipoles> pairs{atoms.n, atoms, radial, farthest_, sums_.data(), state_.data()};
    device_.launch(pairs, pairs.grid());
  }

  RadialTable table_;
  double self_charge_, self_dipole_, farthest_;
  Device& device_;
  int capacity_ = 0;
  Buffer<double> coefficients_, partial_sums_;
  Buffer<PairSums> sums_;
  Buffer<State> state_;
};

}  // namespace hotpp::pme::cuda
