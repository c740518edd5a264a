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
