// SPDX-License-Identifier: GPL-2.0-or-later
// The mesh on a CUDA device for the LAMMPS plugin (device_mesh.h). Compiled; not yet run on a device.
#include "device/plan_mesh.h"
#include "pme/cuda/cluster_cuda.h"
#include "pme/cuda/plan_cuda.h"

extern "C" __attribute__((visibility("default"))) hotpp::DeviceMesh* hotpp_make_device_mesh(
    const hotpp::pme::Settings& settings, bool single_precision) {
  using hotpp::PlanMesh;
  using hotpp::pme::cuda::CudaPlan;
  if (single_precision) return new PlanMesh<CudaPlan<float>>(settings);
  return new PlanMesh<CudaPlan<double>>(settings);
}

extern "C" __attribute__((visibility("default"))) hotpp::DeviceMesh* hotpp_make_device_cluster(
    const hotpp::pme::Kernel& kernel, double farthest, std::int64_t n) {
  using hotpp::pme::cuda::CudaCluster;
  if (n > CudaCluster::most_atoms()) return nullptr;
  return new hotpp::ClusterMesh<CudaCluster>(kernel, farthest);
}
