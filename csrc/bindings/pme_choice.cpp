// SPDX-License-Identifier: GPL-2.0-or-later
// Kernels, and the choice of order and mesh for an accuracy.
#include <cmath>

#include "arrays.h"
#include "pme/accuracy.h"
#include "pme/mesh_choice.h"
#include "pme/splines.h"
#include "pme_parts.h"

namespace hotpp::pme::bindings {
namespace {

/// What the error model may know: the number of atoms, or the atoms.
struct Structure {
  std::int64_t atoms = 0;
  std::optional<Atoms<double>> measured;
  double rms_force = 0.0;

  Sources sources(bool dipoles) const {
    if (!measured) return Sources::assumed(atoms, dipoles);
    return Sources::measured(measured->size(), measured->positions.data(), measured->charges.data(),
                             measured->dipole_data(), rms_force);
  }
};

}  // namespace

void bind_kernel(py::module_& m) {
  py::class_<Kernel>(m, "Kernel", "Screening of the Coulomb kernel as a function of k².")
      .def(py::init([](const std::string& name, double smearing, double tail) {
             return name == "prolate" ? Kernel::prolate(smearing, tail) : Kernel::named(name, smearing);
           }),
           py::arg("name"), py::arg("smearing"), py::arg("tail") = default_tail)
      .def("screening", py::vectorize(&Kernel::screening), py::arg("k_squared"))
      .def("screening_derivative", py::vectorize(&Kernel::screening_derivative), py::arg("k_squared"))
      .def("screening_second_derivative", py::vectorize(&Kernel::screening_second_derivative),
           py::arg("k_squared"))
      .def("at_zero", [](const Kernel& k) { return py::make_tuple(k.self_charge, k.self_dipole); })
      .def("background", &Kernel::background)
      .def_property_readonly("cutoff", [](const Kernel& k) { return std::sqrt(k.cutoff_squared); });
}

void bind_choice(py::module_& m) {
  m.def(
      "mesh_size",
      [](const Doubles& cell, double smearing, double accuracy, int order, const std::string& kernel,
         bool dipoles, const std::optional<Structure>& structure) {
        expect_shape(cell, {3, 3}, "cell");
        const Kernel k = Kernel::named(kernel, smearing);
        if (!structure) return as_tuple(mesh_size(cell.data(), k, accuracy, order, dipoles));
        return as_tuple(mesh_size(cell.data(), k, accuracy, order, structure->sources(dipoles)));
      },
      py::arg("cell"), py::arg("smearing"), py::arg("accuracy"), py::arg("order"),
      py::arg("kernel") = "gaussian", py::arg("dipoles") = true, py::arg("structure") = py::none(),
      "Points along a, b, c; structure: number of atoms, or (positions, charges, dipoles, rms force).");
  m.def(
      "estimated_error",
      [](const Doubles& cell, double smearing, int order, const std::array<int, 3>& mesh,
         const std::string& kernel, bool dipoles, const std::optional<Structure>& structure) {
        expect_shape(cell, {3, 3}, "cell");
        const Kernel k = Kernel::named(kernel, smearing);
        if (!structure) return estimated_error(cell.data(), k, order, mesh, dipoles);
        return estimated_error(cell.data(), k, order, mesh, structure->sources(dipoles));
      },
      py::arg("cell"), py::arg("smearing"), py::arg("order"), py::arg("mesh"), py::arg("kernel") = "gaussian",
      py::arg("dipoles") = true, py::arg("structure") = py::none(),
      "Relative rms force error expected of a mesh.");
  m.def(
      "choose",
      [](const Doubles& cell, const Structure& structure, double smearing, double accuracy,
         const std::string& kernel, bool dipoles, int lowest_order, int highest_order) {
        expect_shape(cell, {3, 3}, "cell");
        const Choice c = choose(cell.data(), Kernel::named(kernel, smearing), accuracy, dipoles,
                                structure.sources(dipoles), lowest_order, highest_order);
        return py::make_tuple(c.order, as_tuple(c.mesh), c.estimate);
      },
      py::arg("cell"), py::arg("structure"), py::arg("smearing"), py::arg("accuracy"),
      py::arg("kernel") = "gaussian", py::arg("dipoles") = true, py::arg("lowest_order") = 4,
      py::arg("highest_order") = max_order, "(order, mesh, estimated error), the cheapest.");
  py::class_<Structure>(m, "Structure", "What the error model may know of a structure.")
      .def(py::init([](std::int64_t n) {
             Structure s;
             s.atoms = n;
             return s;
           }),
           py::arg("n_atoms"))
      .def(py::init([](const Doubles& r, const Doubles& q, const std::optional<Doubles>& mu, double force) {
             Structure s;
             s.measured.emplace(r, q, mu);
             s.rms_force = force;
             return s;
           }),
           py::arg("positions"), py::arg("charges"), py::arg("dipoles") = py::none(),
           py::arg("rms_force") = 0.0);
  py::implicitly_convertible<py::int_, Structure>();
  m.def(
      "mesh_cost",
      [](std::int64_t n, int order, const std::array<int, 3>& mesh, bool dipoles) {
        return mesh_cost(n, order, mesh, dipoles);
      },
      py::arg("n_atoms"), py::arg("order"), py::arg("mesh"), py::arg("dipoles"), "Nanoseconds on one core.");
  py::class_<MeshChoice>(m, "MeshChoice", "Order and mesh, kept while the cell changes little.")
      .def(py::init([](double smearing, double accuracy, const std::string& kernel, bool dipoles,
                       std::optional<int> order, std::optional<std::array<int, 3>> mesh) {
             return MeshChoice(Kernel::named(kernel, smearing), accuracy, dipoles, order, mesh);
           }),
           py::kw_only(), py::arg("smearing"), py::arg("accuracy"), py::arg("kernel") = "gaussian",
           py::arg("dipoles") = true, py::arg("order") = py::none(), py::arg("mesh") = py::none())
      .def(
          "update",
          [](MeshChoice& c, const Doubles& cell, std::int64_t n, bool dipoles) {
            expect_shape(cell, {3, 3}, "cell");
            return c.update(cell.data(), Sources::assumed(n, dipoles));
          },
          py::arg("cell"), py::arg("n_atoms"), py::arg("dipoles") = true)
      .def_property_readonly("order", &MeshChoice::order)
      .def_property_readonly("mesh", [](const MeshChoice& c) { return as_tuple(c.mesh()); });
}

}  // namespace hotpp::pme::bindings
