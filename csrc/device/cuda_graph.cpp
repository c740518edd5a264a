// SPDX-License-Identifier: GPL-2.0-or-later
// CUDA graphs for the LAMMPS plugin (device_graph.h). Compiled; not yet run on a device.
//
// torch for CPUs has the headers, and what they declare is found in torch for CUDA when this is opened.
#include <ATen/cuda/CUDAGraph.h>

#include "device/device_graph.h"

namespace hotpp {
namespace {

class CudaGraph : public DeviceGraph {
 public:
  void begin(DeviceGraph* earlier) override {
    // What is kept for the steps before the recording is not used by recorded ones.
    c10::cuda::CUDACachingAllocator::emptyCache();
    auto* before = static_cast<CudaGraph*>(earlier);
    // Global: nothing hidden is tolerated, in no thread.
    graph_.capture_begin(before ? before->graph_.pool() : c10::MempoolId_t{0, 0},
                         cudaStreamCaptureModeGlobal);
  }
  void end() override { graph_.capture_end(); }
  void replay() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
};

}  // namespace
}  // namespace hotpp

extern "C" __attribute__((visibility("default"))) hotpp::DeviceGraph* hotpp_make_device_graph() {
  return new hotpp::CudaGraph;
}
