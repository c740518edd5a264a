// SPDX-License-Identifier: GPL-2.0-or-later
// Members of CudaPlan; one source file per precision includes this, so that they compile side by side.
#pragma once

#include <memory>
#include <vector>

#include "pme/cuda/graph.cuh"
#include "pme/cuda/host_arrays.cuh"
#include "pme/cuda/pipeline.h"
#include "pme/cuda/plan_cuda.h"

namespace hotpp::pme::cuda {

template <class Real>
struct CudaPlan<Real>::Parts {
  struct Kind {
    Shape shape;
    bool seen = false;
    std::unique_ptr<Graph> graph;  // null until the second call
  };

  CudaDevice<Real> device;
  Pipeline<Real, CudaDevice<Real>> pipeline;
  Stream own_stream;  // of recordings and of execute_host
  bool graphs;
  std::vector<Kind> kinds;

  Parts(const Settings& settings, Path path, bool graphs)
      : device((check(settings), require_device(), make_layout(settings.mesh, settings.order))),
        pipeline(settings, device, path),
        graphs(graphs) {}

  Kind& kind_of(const Shape& shape) {
    for (Kind& kind : kinds)
      if (kind.shape == shape) return kind;
    constexpr std::size_t most =
        16;  // a caller whose calls alternate between more kinds than this re-records
    if (kinds.size() == most) kinds.erase(kinds.begin());
    kinds.push_back({shape, false, nullptr});
    return kinds.back();
  }
};

template <class Real>
CudaPlan<Real>::CudaPlan(const Settings& settings, Path path, bool graphs)
    : parts_(std::make_unique<Parts>(settings, path, graphs)) {}
template <class Real>
CudaPlan<Real>::~CudaPlan() = default;

template <class Real>
const Settings& CudaPlan<Real>::settings() const {
  return parts_->pipeline.settings();
}
template <class Real>
void CudaPlan<Real>::set_cell(const double cell[9]) {
  parts_->pipeline.set_cell(cell);
}

template <class Real>
void CudaPlan<Real>::reserve(int n) {
  Parts& p = *parts_;
  const int before = p.pipeline.capacity();
  p.pipeline.reserve(n);
  if (p.pipeline.capacity() != before) p.kinds.clear();  // their graphs point into the old memory
}

template <class Real>
void CudaPlan<Real>::execute(void* stream, const DeviceAtoms& atoms, const DeviceOutput& output) {
  Parts& p = *parts_;
  const auto caller = static_cast<cudaStream_t>(stream);
  const Step step = p.pipeline.step(atoms, output);
  reserve(atoms.n);
  const Shape shape = p.pipeline.shape(atoms, output);
  typename Parts::Kind& kind = p.kind_of(shape);
  if (!p.graphs || !kind.seen) {  // the first call loads the code, which a recording cannot
    kind.seen = true;
    p.device.set_stream(caller);
    p.pipeline.run(step, shape);
    return;
  }
  if (!kind.graph) {
    p.device.set_stream(p.own_stream.get());
    kind.graph = std::make_unique<Graph>(p.own_stream.get(), [&] { p.pipeline.run(step, shape); });
  }
  const auto first = p.pipeline.prepare_kernel(step);
  kind.graph->launch(first, first.grid(), caller);
}

template <class Real>
void CudaPlan<Real>::throw_problems(void* stream) {
  throw_problems_on(parts_->pipeline.state(), static_cast<cudaStream_t>(stream));
}

template <class Real>
void CudaPlan<Real>::execute_host(const DeviceAtoms& host, const DeviceOutput& results) {
  execute_on_host_arrays(*this, parts_->own_stream.get(), host, results);
}

}  // namespace hotpp::pme::cuda
