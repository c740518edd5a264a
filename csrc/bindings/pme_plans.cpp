// SPDX-License-Identifier: GPL-2.0-or-later
// Plans and clusters on numpy arrays, and the stages of a plan one by one for tests.
#include <cmath>

#include "arrays.h"
#include "atom_strain.h"
#include "choices.h"
#include "pme/cluster.h"
#include "pme/plan.h"
#include "pme_parts.h"

namespace hotpp::pme::bindings {
namespace {

template <class Solver>
py::dict execute(Solver& solver, const Doubles& r, const Doubles& q, const std::optional<Doubles>& mu,
                 bool forces, bool strain) {
  const Atoms<double> atoms(r, q, mu);
  Results<double> results(atoms.size(), true, forces, strain);
  Output output;
  results.offer(output);
  output.want_strain = strain;
  {
    const py::gil_scoped_release release;
    solver.execute(atoms.size(), atoms.positions.data(), atoms.charges.data(), atoms.dipole_data(), output);
  }
  return results.dict(output.energy, output.strain_derivative);
}

template <class Real>
void bind_cluster(py::module_& m, const char* name) {
  using C = Cluster<Real>;
  py::class_<C>(m, name)
      .def("execute", &execute<C>, py::arg("positions"), py::arg("charges"), py::arg("dipoles") = py::none(),
           py::arg("forces") = true, py::arg("strain") = false, "The same outputs as a plan.")
      .def_property_readonly("order", &C::order)
      .def_property_readonly("mesh", [](const C& c) { return as_tuple(c.mesh()); });
}

template <class Real>
void bind_plan(py::module_& m, const char* name) {
  using P = Plan<Real>;
  auto shape = [](const P& p) {
    const auto& k = p.settings().mesh;
    return std::vector<py::ssize_t>{k[0], k[1], k[2]};
  };
  py::class_<P>(m, name)
      .def("set_cell", &set_cell<P>, py::arg("cell"), "Lattice vectors as rows, Å; cheap when unchanged.")
      .def(
          "memory",
          [](const P& p) {
            py::dict result;
            result["mesh"] = p.memory().mesh;
            result["atoms"] = p.memory().atoms;
            result["threads"] = p.memory().threads;
            return result;
          },
          "Bytes held at present: of the mesh's size, of the number of atoms, of the threads.")
      .def("execute", &execute<P>, py::arg("positions"), py::arg("charges"), py::arg("dipoles") = py::none(),
           py::arg("forces") = true, py::arg("strain") = false,
           "energy eV, potential [n] V, field [n, 3] V/Å, forces [n, 3] eV/Å, strain_derivative [3, 3] eV.")
      .def("atom_strain", &atom_strain<P>, py::arg("positions"), py::arg("charges"),
           py::arg("dipoles") = py::none(), atom_strain_help)
      .def(
          "spread",
          [shape](P& p, const Doubles& r, const Doubles& q, const std::optional<Doubles>& mu) {
            const Atoms<double> atoms(r, q, mu);
            Array<Real> mesh(shape(p));
            p.spread_stage(atoms.size(), atoms.positions.data(), atoms.charges.data(), atoms.dipole_data(),
                           mesh.mutable_data());
            return mesh;
          },
          py::arg("positions"), py::arg("charges"), py::arg("dipoles") = py::none(),
          "Charge mesh [K1, K2, K3], e.")
      .def(
          "influence",
          [shape](const P& p) {
            auto half = shape(p);
            half[2] = half[2] / 2 + 1;
            Array<Real> influence(half);
            p.influence_stage(influence.mutable_data());
            return influence;
          },
          "Influence function [K1, K2, K3//2+1] with the prefactor 4 pi k_e / V.")
      .def(
          "potential_mesh",
          [shape](P& p, const Array<Real>& charge_mesh) {
            expect_shape(charge_mesh, shape(p), "charge_mesh");
            Array<Real> potential(shape(p));
            Doubles strain({3, 3});
            const double energy =
                p.potential_stage(charge_mesh.data(), potential.mutable_data(), strain.mutable_data());
            return py::make_tuple(potential, energy, strain);
          },
          py::arg("charge_mesh"),
          "Potential mesh V, its energy eV and strain derivative [3, 3] at fixed charge mesh.")
      .def(
          "gather",
          [shape](P& p, const Doubles& r, const Array<Real>& mesh) {
            expect_shape(mesh, shape(p), "mesh");
            const py::ssize_t n = expect_coordinates(r, "positions");
            Doubles derivatives({n, py::ssize_t(10)});
            p.gather_stage(n, r.data(), mesh.data(), derivatives.mutable_data());
            return derivatives;
          },
          py::arg("positions"), py::arg("mesh"),
          "[n, 10] in mesh units: potential, gradient, Hessian xx, yy, zz, xy, xz, yz.");
}

}  // namespace

void bind_plans(py::module_& m) {
  bind_plan<double>(m, "PlanDouble");
  bind_plan<float>(m, "PlanFloat");
  m.def(
      "Plan",
      [](int order, const std::array<int, 3>& mesh, double smearing, const std::string& deconvolution,
         bool subtract_self, const std::string& precision, const std::string& kernel,
         const std::string& boundary) -> py::object {
        const Settings settings =
            settings_of(order, mesh, smearing, deconvolution, subtract_self, kernel, boundary);
        return with_precision(precision, [&](auto real) { return py::cast(Plan<decltype(real)>(settings)); });
      },
      py::arg("order"), py::arg("mesh"), py::arg("smearing"), py::arg("deconvolution") = "alias",
      py::arg("subtract_self") = true, py::arg("precision") = "double", py::arg("kernel") = "gaussian",
      py::arg("boundary") = "periodic", "A plan whose mesh is double or float.");
  bind_cluster<double>(m, "ClusterDouble");
  bind_cluster<float>(m, "ClusterFloat");
  m.def(
      "Cluster",
      [](double smearing, const std::string& kernel, double accuracy, const std::string& method,
         bool subtract_self, const std::string& precision) -> py::object {
        const Kernel k = Kernel::named(kernel, smearing);
        const ClusterMethod how = method_of(method);
        return with_precision(precision, [&](auto real) {
          return py::cast(Cluster<decltype(real)>(k, accuracy, subtract_self, how));
        });
      },
      py::arg("smearing"), py::arg("kernel") = "gaussian", py::arg("accuracy") = 1e-4,
      py::arg("method") = "auto", py::arg("subtract_self") = true, py::arg("precision") = "double",
      "Open boundaries: the direct sum, or a mesh (double or float) with a truncated kernel.");
}

}  // namespace hotpp::pme::bindings
