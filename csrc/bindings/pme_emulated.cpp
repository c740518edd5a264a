// SPDX-License-Identifier: GPL-2.0-or-later
// Python module hotpp_lr._pme_emulated: the CUDA plan with its kernels run on the CPU, for tests.
#include "bindings/device_plans.h"
#include "pme/cuda/emulated_cluster.h"
#include "pme/cuda/emulated_plan.h"
#include "pme/cuda/multipole_mesh.h"

namespace py = pybind11;
using namespace hotpp::pme;
using namespace hotpp::pme::cuda;

namespace {

Order order_of(const std::string& name) {
  if (name == "forward") return Order::Forward;
  if (name == "reverse") return Order::Reverse;
  if (name == "shuffled") return Order::Shuffled;
  throw std::invalid_argument("The thread order is '" + name + "': choose forward, reverse or shuffled.");
}

/// As CudaMultipoles, on the emulated device.
template <class Real>
class EmulatedMultipoles {
 public:
  EmulatedMultipoles(const std::array<int, 3>& mesh, int order, Order turn)
      : device_(make_layout(mesh, order), turn), mesh_(mesh, order, device_) {}
  void spread_host(int n, const double* u, int rank, const Real* coefficients, Real* mesh) {
    mesh_.spread(n, u, rank, coefficients, mesh);
  }
  void gather_host(int n, const double* u, int rank, const Real* mesh, Real* derivatives) {
    mesh_.gather(n, u, rank, mesh, derivatives);
  }

 private:
  EmulatedDevice<Real> device_;
  MultipoleMesh<Real, EmulatedDevice<Real>> mesh_;
};

}  // namespace

PYBIND11_MODULE(_pme_emulated, m) {
  m.doc() = "The mesh of a CUDA device, emulated on the CPU (csrc/pme/cuda). Units: eV, Å, e.";
  constexpr const char* bound = "Upper bound of the charge of a mesh point in the last call, e.";
  bind_device_plan<EmulatedPlan<double>>(m, "PlanDouble")
      .def("mesh_bound", &EmulatedPlan<double>::mesh_bound, bound);
  bind_device_plan<EmulatedPlan<float>>(m, "PlanFloat")
      .def("mesh_bound", &EmulatedPlan<float>::mesh_bound, bound);
  m.def(
      "Plan",
      [](int order, const std::array<int, 3>& mesh, double smearing, const std::string& deconvolution,
         bool subtract_self, const std::string& precision, const std::string& kernel,
         const std::string& boundary, const std::string& path,
         const std::string& thread_order) -> py::object {
        const Settings settings =
            settings_of(order, mesh, smearing, deconvolution, subtract_self, kernel, boundary);
        const Path way = path_of(path);
        const Order turn = order_of(thread_order);
        if (precision == "double")
          return py::cast(std::make_unique<EmulatedPlan<double>>(settings, way, turn));
        if (precision == "float") return py::cast(std::make_unique<EmulatedPlan<float>>(settings, way, turn));
        throw std::invalid_argument("The precision is '" + precision + "': choose double or float.");
      },
      py::arg("order"), py::arg("mesh"), py::arg("smearing"), py::arg("deconvolution") = "alias",
      py::arg("subtract_self") = true, py::arg("precision") = "double", py::arg("kernel") = "gaussian",
      py::arg("boundary") = "periodic", py::arg("path") = "auto", py::arg("thread_order") = "forward");
  bind_device_sums<EmulatedCluster>(m, "ClusterDouble");
  m.def(
      "Cluster",
      [](double smearing, const std::string& kernel, double farthest, bool subtract_self,
         const std::string& thread_order) {
        return std::make_unique<EmulatedCluster>(Kernel::named(kernel, smearing), farthest, subtract_self,
                                                 order_of(thread_order));
      },
      py::arg("smearing"), py::arg("kernel") = "gaussian", py::arg("farthest") = 100.0,
      py::arg("subtract_self") = true, py::arg("thread_order") = "forward",
      "The direct sum over all pairs, without periodic axes.");
  m.def(
      "spread",
      [](const Array<double>& u, const py::array& coefficients, int rank, int order,
         const std::array<int, 3>& mesh, const std::string& precision, const std::string& turn) -> py::array {
        if (precision == "float")
          return spread_on_arrays<EmulatedMultipoles>(u, Array<float>(coefficients), rank, order, mesh,
                                                      order_of(turn));
        return spread_on_arrays<EmulatedMultipoles>(u, Array<double>(coefficients), rank, order, mesh,
                                                    order_of(turn));
      },
      py::arg("u"), py::arg("coefficients"), py::arg("rank"), py::arg("order"), py::arg("mesh"),
      py::arg("precision") = "double", py::arg("thread_order") = "forward", "As spread of _pme.");
  m.def(
      "gather",
      [](const Array<double>& u, const py::array& mesh, int rank, int order, const std::string& precision,
         const std::string& turn) -> py::array {
        if (precision == "float")
          return gather_on_arrays<EmulatedMultipoles>(u, Array<float>(mesh), rank, order, order_of(turn));
        return gather_on_arrays<EmulatedMultipoles>(u, Array<double>(mesh), rank, order, order_of(turn));
      },
      py::arg("u"), py::arg("mesh"), py::arg("rank"), py::arg("order"), py::arg("precision") = "double",
      py::arg("thread_order") = "forward", "As gather of _pme.");
}
