// SPDX-License-Identifier: GPL-2.0-or-later
// The mesh on the emulated device (device_mesh.h): the kernels of pme/cuda, run on the CPU.
#include <cstdint>
#include <exception>
#include <utility>

#include "device/emulated_memory.h"
#include "device/plan_mesh.h"
#include "pme/cuda/emulated_cluster.h"
#include "pme/cuda/emulated_plan.h"

namespace hotpp {
namespace {

/// So few that tests can have more.
constexpr std::int64_t most_atoms_of_cluster = 100;

// As CudaPlan and CudaCluster: bad atoms are reported when somebody looks.
template <class Solver>
class Patient {
 public:
  template <class... Arguments>
  explicit Patient(const Arguments&... arguments) : solver_(arguments..., pme::cuda::Order::Forward) {}
  void set_cell(const double cell[9]) { solver_.set_cell(cell); }
  void execute(void*, const pme::cuda::DeviceAtoms& atoms, const pme::cuda::DeviceOutput& output) {
    const emulated::Memory::Access access;
    try {
      solver_.execute_host(atoms, output);
    } catch (...) {
      problem_ = std::current_exception();
    }
  }
  void throw_problems(void*) {
    if (problem_) std::rethrow_exception(std::exchange(problem_, nullptr));
  }

 private:
  Solver solver_;
  std::exception_ptr problem_;
};

template <class Real>
using Plan = PlanMesh<Patient<pme::cuda::EmulatedPlan<Real>>>;
using Cluster = ClusterMesh<Patient<pme::cuda::EmulatedCluster>>;

}  // namespace
}  // namespace hotpp

extern "C" __attribute__((visibility("default"))) hotpp::DeviceMesh* hotpp_make_device_mesh(
    const hotpp::pme::Settings& settings, bool single_precision) {
  constexpr auto path = hotpp::pme::cuda::Path::Automatic;
  if (single_precision) return new hotpp::Plan<float>(settings, path);
  return new hotpp::Plan<double>(settings, path);
}

extern "C" __attribute__((visibility("default"))) hotpp::DeviceMesh* hotpp_make_device_cluster(
    const hotpp::pme::Kernel& kernel, double farthest, std::int64_t n) {
  if (n > hotpp::most_atoms_of_cluster) return nullptr;
  return new hotpp::Cluster(kernel, farthest, /*subtract_self=*/true);
}
