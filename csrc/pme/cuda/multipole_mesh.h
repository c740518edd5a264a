// SPDX-License-Identifier: GPL-2.0-or-later
// Spread and gather of multipole ranks 0 to 3 on a device, one structure at a time: the operators of training
// (pme/multipoles.h says what the components are). Meshes are [K1, K2, K3] without padding.
#pragma once

#include <algorithm>
#include <limits>

#include "pme/cuda/kernels/convert.h"
#include "pme/cuda/kernels/crowd.h"
#include "pme/cuda/kernels/gather.h"
#include "pme/cuda/kernels/locate_coordinates.h"
#include "pme/cuda/kernels/prepare.h"
#include "pme/cuda/kernels/spread.h"

namespace hotpp::pme::cuda {

/// Epilogue of gather: derivatives [n, columns] as they are.
template <class Real, int R>
struct StoreDerivatives {
  static constexpr int columns = components(R);
  Real* derivatives;

  HOTPP_DEVICE void operator()(int, int to, const Real* d) const {
    HOTPP_UNROLL for (int c = 0; c < columns; ++c) derivatives[static_cast<long long>(columns) * to + c] =
        d[c];
  }
};

/// Calls f with order and rank as compile-time constants; order >= lowest_order(rank).
template <class F>
void with_order_and_rank(int order, int rank, F&& f) {
  with_order(order, [&](auto p) {
    constexpr int P = decltype(p)::value;
    if (rank == 0) f(p, std::integral_constant<int, 0>{});
    if (rank == 1) f(p, std::integral_constant<int, 1>{});
    if constexpr (P >= lowest_order(2))
      if (rank == 2) f(p, std::integral_constant<int, 2>{});
    if constexpr (P >= lowest_order(3))
      if (rank == 3) f(p, std::integral_constant<int, 3>{});
  });
}

template <class Real, class Device>
class MultipoleMesh {
 public:
  using Word = typename FixedPoint<Real>::Word;

  MultipoleMesh(const std::array<int, 3>& mesh, int order, Device& device)
      : layout_(make_layout(mesh, order)), device_(device) {
    layout_.row = mesh[2];
    State state{};
    state.reported_atom = std::numeric_limits<int>::max();
    state_.allocate(1);
    device.upload(state_, &state, 1);
    step_.allocate(1);
    bins_.allocate(layout_.bin_count());
  }

  State* state() { return state_.data(); }

  /// coordinates [n, 3] mesh units; coefficients [n, components(rank)] -> mesh [K1, K2, K3], overwritten. NaN
  /// everywhere if an atom is not finite. The same bits every time.
  void spread(int n, const double* coordinates, int rank, const Real* coefficients, Real* mesh) {
    reserve(n);
    Step step{};
    step.atoms.n = n;
    Word* const words = reinterpret_cast<Word*>(mesh);
    const Prepare<Word> prepare{step,           step_.data(), state_.data(),      words,
                                layout_.size(), bins_.data(), layout_.bin_count()};
    device_.launch(prepare, prepare.grid());
    const Envelope envelope = make_envelope(layout_.order, rank, layout_.points);
    const LocateCoordinates<Real> locate{layout_,          n,
                                         coordinates,      sites_.data(),
                                         state_.data(),    coefficients,
                                         components(rank), envelope.derivative_factor,
                                         bins_.data()};
    device_.launch(locate, locate.grid(n));
    const FindCrowd crowd{layout_, envelope, bins_.data(), state_.data()};
    device_.launch(crowd, crowd.grid());
    if (n > 0)
      with_order_and_rank(layout_.order, rank, [&](auto p, auto r) {
        using Spread = SpreadDirect<Real, decltype(p)::value, decltype(r)::value>;
        const Spread kernel{layout_, step_.data(), state_.data(), sites_.data(), coefficients, words};
        device_.launch(kernel, kernel.grid(n));
      });
    const Convert<Real> convert{state_.data(), words, mesh, layout_.size()};
    device_.launch(convert, convert.grid());
  }

  /// mesh [K1, K2, K3] -> derivatives [n, components(rank)].
  void gather(int n, const double* coordinates, int rank, const Real* mesh, Real* derivatives) {
    if (n == 0) return;
    reserve(n);
    Step step{};
    step.atoms.n = n;
    const Prepare<Word> prepare{step, step_.data(), state_.data(), nullptr, 0, bins_.data(), 0};
    device_.launch(prepare, 1);
    const LocateCoordinates<Real> locate{layout_, n, coordinates, sites_.data(), state_.data(),
                                         nullptr, 0, 0.0,         nullptr};
    device_.launch(locate, locate.grid(n));
    with_order_and_rank(layout_.order, rank, [&](auto p, auto r) {
      using Epilogue = StoreDerivatives<Real, decltype(r)::value>;
      using Gather = GatherDirect<Real, decltype(p)::value, decltype(r)::value, Epilogue>;
      const Gather kernel{layout_, step_.data(), sites_.data(), mesh, Epilogue{derivatives}};
      device_.launch(kernel, kernel.grid(n));
    });
  }

 private:
  void reserve(int n) {
    if (n <= capacity_) return;
    capacity_ = std::max(n, 256);
    sites_.allocate(capacity_);
  }

  Layout layout_;
  Device& device_;
  int capacity_ = 0;
  typename Device::template Buffer<State> state_;
  typename Device::template Buffer<Step> step_;
  typename Device::template Buffer<int> bins_;
  typename Device::template Buffer<Site<Real>> sites_;
};

}  // namespace hotpp::pme::cuda
