// SPDX-License-Identifier: GPL-2.0-or-later
// The mesh on the emulated device (device_mesh.h): the kernels of pme/cuda, run on the CPU.
#include <exception>
#include <utility>

#include "device/emulated_memory.h"
#include "device/plan_mesh.h"
#include "pme/cuda/emulated_plan.h"

namespace hotpp {
namespace {

// As CudaPlan: bad atoms are reported when somebody looks.
template <class Real>
class Plan {
 public:
  explicit Plan(const pme::Settings& settings)
      : plan_(settings, pme::cuda::Path::Automatic, pme::cuda::Order::Forward) {}
  void set_cell(const double cell[9]) { plan_.set_cell(cell); }
  void execute(void*, const pme::cuda::DeviceAtoms& atoms, const pme::cuda::DeviceOutput& output) {
    const emulated::Memory::Access access;
    try {
      plan_.execute_host(atoms, output);
    } catch (...) {
      problem_ = std::current_exception();
    }
  }
  void throw_problems(void*) {
    if (problem_) std::rethrow_exception(std::exchange(problem_, nullptr));
  }

 private:
  pme::cuda::EmulatedPlan<Real> plan_;
  std::exception_ptr problem_;
};

}  // namespace
}  // namespace hotpp

extern "C" __attribute__((visibility("default"))) hotpp::DeviceMesh* hotpp_make_device_mesh(
    const hotpp::pme::Settings& settings, bool single_precision) {
  if (single_precision) return new hotpp::PlanMesh<hotpp::Plan<float>>(settings);
  return new hotpp::PlanMesh<hotpp::Plan<double>>(settings);
}
