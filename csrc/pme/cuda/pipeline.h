// SPDX-License-Identifier: GPL-2.0-or-later
// The whole plan on a device: workspace, what depends on the cell, and the sequence of kernels. The same for
// CUDA and for the emulated device; a Device gives Buffer<T>, upload, launch, forward and backward.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "pme/cell.h"
#include "pme/cuda/kernels/convert.h"
#include "pme/cuda/kernels/crowd.h"
#include "pme/cuda/kernels/gather.h"
#include "pme/cuda/kernels/influence.h"
#include "pme/cuda/kernels/locate.h"
#include "pme/cuda/kernels/outputs.h"
#include "pme/cuda/kernels/prepare.h"
#include "pme/cuda/kernels/sort.h"
#include "pme/cuda/kernels/spread.h"
#include "pme/cuda/kernels/strain.h"
#include "pme/cuda/make_step.h"
#include "pme/cuda/path.h"
#include "pme/influence.h"

namespace hotpp::pme::cuda {

/// What the sequence of kernels and their grids depend on: two calls of the same shape share a graph.
struct Shape {
  int capacity;
  Path path;
  bool dipoles;
  int gather_rank;  ///< 0: nothing is gathered
  bool strain;

  bool operator==(const Shape& o) const {
    return capacity == o.capacity && path == o.path && dipoles == o.dipoles && gather_rank == o.gather_rank &&
           strain == o.strain;
  }
};

template <class Real, class Device>
class Pipeline {
 public:
  using Word = typename FixedPoint<Real>::Word;
  template <class T>
  using Buffer = typename Device::template Buffer<T>;

  Pipeline(const Settings& settings, Device& device, Path path)
      : settings_(settings),
        layout_(make_layout(settings.mesh, settings.order)),
        path_(path),
        device_(device) {
    std::vector<double> factors;
    for (int points : settings.mesh) {
      const auto axis = deconvolution_factors(points, settings.order, settings.deconvolution);
      factors.insert(factors.end(), axis.begin(), axis.end());
    }
    deconvolution_.allocate(factors.size());
    device.upload(deconvolution_, factors.data(), factors.size());
    State state{};
    state.reported_atom = std::numeric_limits<int>::max();
    state_.allocate(1);
    device.upload(state_, &state, 1);
    step_.allocate(1);
    mesh_.allocate(layout_.size());
    counts_.allocate(static_cast<std::size_t>(layout_.tile_count()) + layout_.bin_count());
    begins_.allocate(layout_.tile_count() + 1);
    mode_sums_.allocate(7 * static_cast<std::size_t>(influence_kernel<true>(false).grid()));
  }

  const Settings& settings() const { return settings_; }
  const Layout& layout() const { return layout_; }
  State* state() { return state_.data(); }
  Real* mesh() { return mesh_.data(); }
  int capacity() const { return capacity_; }

  void set_cell(const double vectors[9]) { cell_ = Cell(vectors); }

  /// Room for n atoms; memory is only taken when there are more than ever before. 64 bytes per
  /// atom in float32.
  void reserve(int n) {
    if (n <= capacity_ && capacity_ > 0) return;
    const int capacity = std::max({n, capacity_ + capacity_ / 4, 256});
    sites_.allocate(capacity);
    coefficients_.allocate(4 * static_cast<std::size_t>(capacity));
    slots_.allocate(capacity);
    gradients_.allocate(3 * static_cast<std::size_t>(capacity));
    charge_sums_.allocate(10 * static_cast<std::size_t>(Locate<Real, true>::grid(capacity)));
    strain_sums_.allocate(9 * static_cast<std::size_t>(DipoleStrain<Real>::grid(capacity)));
    capacity_ = capacity;
  }

  /// After reserve.
  Shape shape(const DeviceAtoms& atoms, const DeviceOutput& output) const {
    const bool dipoles = atoms.dipoles.data != nullptr;
    const bool wanted = output.potential.data || output.field.data || output.forces.data;
    const bool strain = output.strain_derivative != nullptr;
    Shape shape{};
    shape.capacity = capacity_;
    shape.path = choose_path(path_, layout_, atoms.n, sizeof(Real) == sizeof(float));
    shape.dipoles = dipoles;
    shape.gather_rank = dipoles && output.forces.data ? 2 : wanted || (dipoles && strain) ? 1 : 0;
    shape.strain = strain;
    return shape;
  }

  Step step(const DeviceAtoms& atoms, const DeviceOutput& output) const {
    return make_step(settings_, cell_, atoms, output);
  }

  /// The first kernel; it alone depends on the Step.
  Prepare<Word> prepare_kernel(const Step& step) {
    return {step,
            step_.data(),
            state_.data(),
            words(),
            layout_.size(),
            counts_.data(),
            layout_.tile_count() + layout_.bin_count()};
  }

  /// Starts all kernels of a call.
  void run(const Step& step, const Shape& shape) {
    const auto prepare = prepare_kernel(step);
    device_.launch(prepare, prepare.grid());
    with_order(settings_.order, [&](auto order) {
      constexpr int P = decltype(order)::value;
      if (settings_.boundary == Boundary::Slab)
        locate<true>(shape);
      else
        locate<false>(shape);
      if (shape.dipoles)
        spread<P, 1>(shape);
      else
        spread<P, 0>(shape);
      convolve(shape);
      if (shape.gather_rank == 1) gather<P, 1>(shape);
      if constexpr (P >= 4)
        if (shape.gather_rank == 2) gather<P, 2>(shape);
    });
    if (shape.dipoles && shape.strain) {
      const DipoleStrain<Real> strain{step_.data(), state_.data(), gradients_.data(), strain_sums_.data()};
      device_.launch(strain, DipoleStrain<Real>::grid(shape.capacity));
    }
  }

 private:
  Word* words() { return reinterpret_cast<Word*>(mesh_.data()); }

  template <bool Strain>
  ApplyInfluence<Real, Strain> influence_kernel(bool last) {
    return {layout_,      settings_.kernel,  step_.data(), state_.data(), deconvolution_.data(),
            mesh_.data(), mode_sums_.data(), last};
  }

  template <bool Slab>
  void locate(const Shape& shape) {
    const bool sorted = shape.path != Path::Direct;
    const Envelope envelope = make_envelope(settings_.order, shape.dipoles ? 1 : 0, layout_.points);
    int* const bins = counts_.data() + layout_.tile_count();
    Locate<Real, Slab> kernel{};
    kernel.layout = layout_;
    kernel.step = step_.data();
    kernel.state = state_.data();
    kernel.derivative_factor = envelope.derivative_factor;
    kernel.bins = bins;
    kernel.counts = counts_.data();
    kernel.begins = begins_.data();
    kernel.slots = sorted ? slots_.data() : nullptr;
    kernel.sites = sites_.data();
    kernel.coefficients = coefficients_.data();
    kernel.partial_sums = charge_sums_.data();
    device_.launch(kernel, kernel.grid(shape.capacity));
    const FindCrowd crowd{layout_, envelope, bins, state_.data()};
    device_.launch(crowd, crowd.grid());
    if (!sorted) return;
    const Sort<Real> sort{layout_,       step_.data(),  state_.data(),       begins_.data(),
                          slots_.data(), sites_.data(), coefficients_.data()};
    device_.launch(sort, Sort<Real>::grid(shape.capacity));
  }

  template <int P, int R>
  void spread(const Shape& shape) {
    if constexpr (sizeof(Real) == sizeof(float))
      if (shape.path == Path::Tiles) {
        const SpreadTiles<Real, P, R> kernel{layout_,       state_.data(),        begins_.data(),
                                             sites_.data(), coefficients_.data(), words()};
        return device_.launch(kernel, kernel.grid());
      }
    const SpreadDirect<Real, P, R> kernel{layout_,       step_.data(),         state_.data(),
                                          sites_.data(), coefficients_.data(), words()};
    device_.launch(kernel, kernel.grid(shape.capacity));
  }

  void convolve(const Shape& shape) {
    const Convert<Real> convert{state_.data(), words(), mesh_.data(), layout_.size()};
    device_.launch(convert, convert.grid());
    device_.forward(mesh_.data());
    if (shape.strain) {
      const auto kernel = influence_kernel<true>(!shape.dipoles);
      device_.launch(kernel, kernel.grid());
    } else {
      const auto kernel = influence_kernel<false>(true);
      device_.launch(kernel, kernel.grid());
    }
    if (shape.gather_rank > 0) device_.backward(mesh_.data());
  }

  template <int P, int R>
  void gather(const Shape& shape) {
    const WriteOutputs<Real, R> epilogue{step_.data(), state_.data(), coefficients_.data(),
                                         shape.dipoles && shape.strain ? gradients_.data() : nullptr};
    if constexpr (sizeof(Real) == sizeof(float))
      if (shape.path == Path::Tiles) {
        const GatherTiles<Real, P, R, WriteOutputs<Real, R>> kernel{layout_, begins_.data(), sites_.data(),
                                                                    mesh_.data(), epilogue};
        return device_.launch(kernel, kernel.grid());
      }
    const GatherDirect<Real, P, R, WriteOutputs<Real, R>> kernel{layout_, step_.data(), sites_.data(),
                                                                 mesh_.data(), epilogue};
    device_.launch(kernel, kernel.grid(shape.capacity));
  }

  Settings settings_;
  Layout layout_;
  Path path_;
  Device& device_;
  Cell cell_;
  int capacity_ = 0;
  Buffer<double> deconvolution_, mode_sums_, charge_sums_, strain_sums_;
  Buffer<State> state_;
  Buffer<Step> step_;
  Buffer<Real> mesh_, coefficients_, gradients_;
  Buffer<int> counts_, begins_;
  Buffer<Slot> slots_;
  Buffer<Site<Real>> sites_;
};

}  // namespace hotpp::pme::cuda
