// SPDX-License-Identifier: GPL-2.0-or-later
// A recorded sequence of kernels whose first one, and nothing else, is given new arguments at every launch.
// Compiled, not yet run on a device.
#pragma once

#include "pme/cuda/cuda_device.cuh"

namespace hotpp::pme::cuda {

class Graph {
 public:
  /// record(): starts the kernels on `stream`, which is being captured.
  template <class F>
  Graph(cudaStream_t stream, const F& record) {
    // thread-local: allocations of other threads of the program do not disturb the recording
    check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "beginning a graph");
    try {
      record();
    } catch (...) {
      cudaStreamEndCapture(stream, &graph_);
      if (graph_) cudaGraphDestroy(graph_);
      cudaGetLastError();
      throw;
    }
    check_cuda(cudaStreamEndCapture(stream, &graph_), "ending a graph");
    std::size_t roots = 1;
    check_cuda(cudaGraphGetRootNodes(graph_, &first_, &roots), "looking for the first kernel of a graph");
    check_cuda(cudaGraphInstantiate(&executable_, graph_, 0), "preparing a graph");
  }
  ~Graph() {
    if (executable_) cudaGraphExecDestroy(executable_);
    if (graph_) cudaGraphDestroy(graph_);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// The first kernel with another argument and the same grid; launches in flight keep theirs.
  template <class Kernel>
  void launch(Kernel kernel, int blocks, cudaStream_t stream) {
    void* arguments[] = {&kernel};
    cudaKernelNodeParams parameters{};
    parameters.func = reinterpret_cast<void*>(&run_kernel<Kernel>);
    parameters.gridDim = dim3(blocks);
    parameters.blockDim = dim3(Kernel::threads);
    parameters.sharedMemBytes = static_cast<unsigned>(kernel.shared_bytes());
    parameters.kernelParams = arguments;
    check_cuda(cudaGraphExecKernelNodeSetParams(executable_, first_, &parameters), "updating a graph");
    check_cuda(cudaGraphLaunch(executable_, stream), "launching a graph");
  }

 private:
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
  cudaGraphNode_t first_ = nullptr;
};

}  // namespace hotpp::pme::cuda
