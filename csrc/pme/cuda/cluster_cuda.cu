// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cuda/cluster_cuda.h"
#include "pme/cuda/cluster_pipeline.h"
#include "pme/cuda/host_arrays.cuh"

namespace hotpp::pme::cuda {

struct CudaCluster::Parts {
  CudaLauncher device;
  ClusterPipeline<CudaLauncher> pipeline;
  Stream own_stream;

  Parts(const Kernel& kernel, double farthest, bool subtract_self)
      : pipeline((require_device(), kernel), farthest, subtract_self, device) {}
};

CudaCluster::CudaCluster(const Kernel& kernel, double farthest, bool subtract_self)
    : parts_(std::make_unique<Parts>(kernel, farthest, subtract_self)) {}
CudaCluster::~CudaCluster() = default;

std::int64_t CudaCluster::most_atoms() {
  int device = 0, ratio = 0;
  check_cuda(cudaGetDevice(&device), "asking for the current device");
  check_cuda(cudaDeviceGetAttribute(&ratio, cudaDevAttrSingleToDoublePrecisionPerfRatio, device),
             "asking for the speed of the device");
  // One core takes about 10 µs per atom. A pair takes 0.4 ns on a device for graphics (200 operations, 5e11
  // per second in float64) and 0.05 ns on one for computing (the radial functions: 320 bytes of the cache).
  return ratio > 4 ? 25000 : 200000;
}

void CudaCluster::reserve(int n) { parts_->pipeline.reserve(n); }

void CudaCluster::execute(void* stream, const DeviceAtoms& atoms, const DeviceOutput& output) {
  reserve(atoms.n);
  parts_->device.set_stream(static_cast<cudaStream_t>(stream));
  parts_->pipeline.run(atoms, output);
}

void CudaCluster::throw_problems(void* stream) {
  throw_problems_on(parts_->pipeline.state(), static_cast<cudaStream_t>(stream));
}

void CudaCluster::execute_host(const DeviceAtoms& host, const DeviceOutput& results) {
  execute_on_host_arrays(*this, parts_->own_stream.get(), host, results);
}

}  // namespace hotpp::pme::cuda
