// SPDX-License-Identifier: GPL-2.0-or-later
// Members of CudaPlan; one source file per precision includes this, so that they compile side by side.
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "pme/cuda/graph.cuh"
#include "pme/cuda/pipeline.h"
#include "pme/cuda/plan_cuda.h"
#include "pme/cuda/problems.h"

namespace hotpp::pme::cuda {

/// One array of the caller on the host and its copy on the device.
class Staged {
 public:
  template <class Pointer>
  Pointer in(Pointer host, std::size_t count, cudaStream_t stream) {
    if (!host.data || count == 0) return host;
    Pointer device = take(host, count);
    check_cuda(cudaMemcpyAsync(buffer_.data(), host.data, bytes_, cudaMemcpyHostToDevice, stream),
               "copying atoms to the device");
    return device;
  }
  template <class Pointer>
  Pointer out(Pointer host, std::size_t count) {
    if (!host.data || count == 0) return host;
    host_ = host.data;
    return take(host, count);
  }
  void fetch(cudaStream_t stream) {
    if (host_)
      check_cuda(cudaMemcpyAsync(host_, buffer_.data(), bytes_, cudaMemcpyDeviceToHost, stream),
                 "copying results from the device");
  }

 private:
  template <class Pointer>
  Pointer take(Pointer host, std::size_t count) {
    bytes_ = count * (host.single ? sizeof(float) : sizeof(double));
    buffer_.allocate(bytes_);
    host.data = buffer_.data();
    return host;
  }

  CudaLauncher::Buffer<unsigned char> buffer_;
  std::size_t bytes_ = 0;
  void* host_ = nullptr;
};

class Stream {
 public:
  Stream() { check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream"); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

inline void require_device() {
  if (device_count() == 0)
    throw std::runtime_error("There is no CUDA device (or no driver for it): use the plan for CPUs.");
}

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
  const auto caller = static_cast<cudaStream_t>(stream);
  State state;
  State* const device = parts_->pipeline.state();
  check_cuda(cudaMemcpyAsync(&state, device, sizeof(State), cudaMemcpyDeviceToHost, caller),
             "reading the state of the plan");
  check_cuda(cudaStreamSynchronize(caller), "waiting for the device");
  if (state.reported_problems == 0) return;
  const State found = state;
  state.reported_problems = 0;
  state.reported_atom = std::numeric_limits<int>::max();
  check_cuda(cudaMemcpyAsync(device, &state, sizeof(State), cudaMemcpyHostToDevice, caller),
             "clearing the state of the plan");
  check_cuda(cudaStreamSynchronize(caller), "waiting for the device");
  cuda::throw_problems(found);
}

template <class Real>
void CudaPlan<Real>::execute_host(const DeviceAtoms& host, const DeviceOutput& results) {
  Parts& p = *parts_;
  const cudaStream_t stream = p.own_stream.get();
  const std::size_t n = host.n;
  Staged positions, charges, dipoles, energy, potential, field, forces, strain;
  DeviceAtoms atoms;
  atoms.n = host.n;
  atoms.positions = positions.in(host.positions, 3 * n, stream);
  atoms.charges = charges.in(host.charges, n, stream);
  atoms.dipoles = dipoles.in(host.dipoles, 3 * n, stream);
  DeviceOutput output;
  const auto doubles = [](const MutableValues& values) { return static_cast<double*>(values.data); };
  output.energy = doubles(energy.out(MutableValues(results.energy), 1));
  output.potential = potential.out(results.potential, n);
  output.field = field.out(results.field, 3 * n);
  output.forces = forces.out(results.forces, 3 * n);
  output.strain_derivative = doubles(strain.out(MutableValues(results.strain_derivative), 9));
  execute(stream, atoms, output);
  for (Staged* array : {&energy, &potential, &field, &forces, &strain}) array->fetch(stream);
  throw_problems(stream);
}

}  // namespace hotpp::pme::cuda
