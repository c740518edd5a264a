// SPDX-License-Identifier: GPL-2.0-or-later
// Python module hotpp_lr._pme_cuda: plans on a CUDA device, on numpy arrays or on device pointers given as
// integers (tensor.data_ptr(), torch.cuda.current_stream().cuda_stream), so that torch need not be linked.
#include <cstdint>

#include "bindings/device_plans.h"
#include "pme/cuda/cluster_cuda.h"
#include "pme/cuda/multipoles_cuda.h"
#include "pme/cuda/plan_cuda.h"
#include "pme/cuda/transforms.h"

namespace py = pybind11;
using namespace hotpp::pme;
using namespace hotpp::pme::cuda;

namespace {

using Address = std::uintptr_t;

template <class Value, class View>
View view(Address address) {
  return View(reinterpret_cast<Value*>(address));
}

template <class Value, class Plan>
void execute_on_pointers(Plan& plan, Address stream, int n, Address positions, Address charges,
                         Address dipoles, Address energy, Address potential, Address field, Address forces,
                         Address strain) {
  DeviceAtoms atoms;
  atoms.n = n;
  atoms.positions = view<Value, Values>(positions);
  atoms.charges = view<Value, Values>(charges);
  atoms.dipoles = view<Value, Values>(dipoles);
  DeviceOutput output;
  output.energy = reinterpret_cast<double*>(energy);
  output.potential = view<Value, MutableValues>(potential);
  output.field = view<Value, MutableValues>(field);
  output.forces = view<Value, MutableValues>(forces);
  output.strain_derivative = reinterpret_cast<double*>(strain);
  plan.execute(reinterpret_cast<void*>(stream), atoms, output);
}

/// On device pointers.
template <class Plan>
void bind_pointers(py::class_<Plan> bound) {
  bound
      .def(
          "execute_on_device",
          [](Plan& p, Address stream, int n, Address positions, Address charges, Address dipoles,
             Address energy, Address potential, Address field, Address forces, Address strain, bool single) {
            if (n < 0) throw std::invalid_argument("n is " + std::to_string(n) + ": give 0 or more atoms.");
            if (n > 0 && (!positions || !charges))
              throw std::invalid_argument("positions or charges is a null pointer: give device memory.");
            const auto run = single ? &execute_on_pointers<float, Plan> : &execute_on_pointers<double, Plan>;
            run(p, stream, n, positions, charges, dipoles, energy, potential, field, forces, strain);
          },
          py::arg("stream"), py::arg("n"), py::arg("positions"), py::arg("charges"), py::arg("dipoles") = 0,
          py::arg("energy") = 0, py::arg("potential") = 0, py::arg("field") = 0, py::arg("forces") = 0,
          py::arg("strain_derivative") = 0, py::arg("single") = false,
          py::call_guard<py::gil_scoped_release>(),
          "Starts the work on a stream and returns. Addresses of device memory, 0: not given, not wanted; "
          "energy [1] and strain_derivative [3, 3] float64, the rest float64, or float32 if single.")
      .def(
          "throw_problems",
          [](Plan& p, Address stream) { p.throw_problems(reinterpret_cast<void*>(stream)); },
          py::arg("stream"), py::call_guard<py::gil_scoped_release>(),
          "Waits for the stream; raises if atoms were bad since the last look.");
}

}  // namespace

PYBIND11_MODULE(_pme_cuda, m) {
  m.doc() = "Mesh electrostatics on a CUDA device (csrc/pme/cuda); not yet run on one. Units: eV, Å, e.";
  bind_pointers(bind_device_plan<CudaPlan<double>>(m, "PlanDouble"));
  bind_pointers(bind_device_plan<CudaPlan<float>>(m, "PlanFloat"));
  bind_pointers(bind_device_sums<CudaCluster>(m, "ClusterDouble"));
  m.def(
      "Plan",
      [](int order, const std::array<int, 3>& mesh, double smearing, const std::string& deconvolution,
         bool subtract_self, const std::string& precision, const std::string& kernel,
         const std::string& boundary, const std::string& path, bool graphs) -> py::object {
        const Settings settings =
            settings_of(order, mesh, smearing, deconvolution, subtract_self, kernel, boundary);
        const Path way = path_of(path);
        if (precision == "double") return py::cast(std::make_unique<CudaPlan<double>>(settings, way, graphs));
        if (precision == "float") return py::cast(std::make_unique<CudaPlan<float>>(settings, way, graphs));
        throw std::invalid_argument("The precision is '" + precision + "': choose double or float.");
      },
      py::arg("order"), py::arg("mesh"), py::arg("smearing"), py::arg("deconvolution") = "alias",
      py::arg("subtract_self") = true, py::arg("precision") = "float", py::arg("kernel") = "gaussian",
      py::arg("boundary") = "periodic", py::arg("path") = "auto", py::arg("graphs") = true,
      "A plan on the current device.");
  m.def(
      "Cluster",
      [](double smearing, const std::string& kernel, double farthest, bool subtract_self) {
        return std::make_unique<CudaCluster>(Kernel::named(kernel, smearing), farthest, subtract_self);
      },
      py::arg("smearing"), py::arg("kernel") = "gaussian", py::arg("farthest") = 100.0,
      py::arg("subtract_self") = true,
      "The direct sum over all pairs, without periodic axes, on the current device.");
  m.def(
      "spread",
      [](const Array<double>& u, const py::array& coefficients, int rank, int order,
         const std::array<int, 3>& mesh, const std::string& precision) -> py::array {
        if (precision == "float")
          return spread_on_arrays<CudaMultipoles>(u, Array<float>(coefficients), rank, order, mesh);
        return spread_on_arrays<CudaMultipoles>(u, Array<double>(coefficients), rank, order, mesh);
      },
      py::arg("u"), py::arg("coefficients"), py::arg("rank"), py::arg("order"), py::arg("mesh"),
      py::arg("precision") = "double", "As spread of _pme, on arrays of the host.");
  m.def(
      "gather",
      [](const Array<double>& u, const py::array& mesh, int rank, int order,
         const std::string& precision) -> py::array {
        if (precision == "float") return gather_on_arrays<CudaMultipoles>(u, Array<float>(mesh), rank, order);
        return gather_on_arrays<CudaMultipoles>(u, Array<double>(mesh), rank, order);
      },
      py::arg("u"), py::arg("mesh"), py::arg("rank"), py::arg("order"), py::arg("precision") = "double",
      "As gather of _pme, on arrays of the host.");
  m.def("device_count", &device_count, "Number of CUDA devices, 0 without a driver.");
  m.def("cufft_version", &cufft_version, "Version number of cuFFT, which this opens.");
}
