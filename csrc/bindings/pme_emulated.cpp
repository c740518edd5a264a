// SPDX-License-Identifier: GPL-2.0-or-later
// Python module hotpp_lr._pme_emulated: the CUDA plan with its kernels run on the CPU, for tests.
#include "bindings/device_plans.h"
#include "pme/cuda/emulated_plan.h"

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
         bool subtract_self, const std::string& precision, const std::string& kernel, const std::string& path,
         const std::string& thread_order) -> py::object {
        const Settings settings = settings_of(order, mesh, smearing, deconvolution, subtract_self, kernel);
        const Path way = path_of(path);
        const Order turn = order_of(thread_order);
        if (precision == "double")
          return py::cast(std::make_unique<EmulatedPlan<double>>(settings, way, turn));
        if (precision == "float") return py::cast(std::make_unique<EmulatedPlan<float>>(settings, way, turn));
        throw std::invalid_argument("The precision is '" + precision + "': choose double or float.");
      },
      py::arg("order"), py::arg("mesh"), py::arg("smearing"), py::arg("deconvolution") = "alias",
      py::arg("subtract_self") = true, py::arg("precision") = "double", py::arg("kernel") = "gaussian",
      py::arg("path") = "auto", py::arg("thread_order") = "forward");
}
