// SPDX-License-Identifier: GPL-2.0-or-later
// What plans on a device have in common: arrays of a caller on the host, a stream of their own, and problems
// that the kernels found. Compiled, not yet run on a device.
#pragma once

#include <limits>

#include "pme/cuda/cuda_device.cuh"
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

/// Waits for the stream and throws what was wrong since the last look.
inline void throw_problems_on(State* device, cudaStream_t stream) {
  State state;
  check_cuda(cudaMemcpyAsync(&state, device, sizeof(State), cudaMemcpyDeviceToHost, stream),
             "reading the state of the plan");
  check_cuda(cudaStreamSynchronize(stream), "waiting for the device");
  if (state.reported_problems == 0) return;
  const State found = state;
  state.reported_problems = 0;
  state.reported_atom = std::numeric_limits<int>::max();
  check_cuda(cudaMemcpyAsync(device, &state, sizeof(State), cudaMemcpyHostToDevice, stream),
             "clearing the state of the plan");
  check_cuda(cudaStreamSynchronize(stream), "waiting for the device");
  throw_problems(found);
}

template <class Plan>
void execute_on_host_arrays(Plan& plan, cudaStream_t stream, const DeviceAtoms& host,
                            const DeviceOutput& results) {
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
  plan.execute(stream, atoms, output);
  for (Staged* array : {&energy, &potential, &field, &forces, &strain}) array->fetch(stream);
  plan.throw_problems(stream);
}

}  // namespace hotpp::pme::cuda
