// SPDX-License-Identifier: GPL-2.0-or-later
// What the Python classes of plans on a device have in common: numpy arrays in, numpy arrays out.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "pme/cuda/path.h"
#include "pme/cuda/step.h"
#include "pme/inputs.h"
#include "pme/multipoles.h"
#include "pme/settings.h"
#include "pme/splines.h"

namespace hotpp::pme::cuda {

namespace py = pybind11;

template <class Value>
using Array = py::array_t<Value, py::array::c_style | py::array::forcecast>;

inline void expect_shape(const py::array& array, const std::vector<py::ssize_t>& shape, const char* name) {
  const std::vector<py::ssize_t> given(array.shape(), array.shape() + array.ndim());
  if (given == shape) return;
  throw std::invalid_argument(std::string(name) + " has shape " +
                              py::str(py::cast(given)).cast<std::string>() + ": expected " +
                              py::str(py::cast(shape)).cast<std::string>() + ".");
}

inline Settings settings_of(int order, const std::array<int, 3>& mesh, double smearing,
                            const std::string& deconvolution, bool subtract_self, const std::string& kernel,
                            const std::string& boundary) {
  Settings settings{order, mesh, Kernel::named(kernel, smearing), Deconvolution::Alias, subtract_self};
  if (boundary == "slab")
    settings.boundary = Boundary::Slab;
  else if (boundary != "periodic")
    throw std::invalid_argument("The boundary is '" + boundary + "': choose periodic or slab.");
  if (deconvolution == "none")
    settings.deconvolution = Deconvolution::None;
  else if (deconvolution == "plain")
    settings.deconvolution = Deconvolution::Plain;
  else if (deconvolution != "alias")
    throw std::invalid_argument("The deconvolution is '" + deconvolution + "': choose alias, plain or none.");
  return settings;
}

inline void check_multipoles(int rank, int order, const std::array<int, 3>& mesh, const py::array& u) {
  check(Settings{order, mesh, Kernel(1.0)});
  if (rank < 0 || rank > max_rank || order < (rank < 2 ? min_order : lowest_order(rank)))
    throw std::invalid_argument("rank " + std::to_string(rank) + " with order " + std::to_string(order) +
                                ": choose a rank from 0 to 3 and an order of at least rank + 2.");
  expect_shape(u, {u.ndim() == 2 ? u.shape(0) : 0, 3}, "u");
}

template <class Value, class Plan>
py::dict execute_on_arrays(Plan& plan, const py::array& r, const py::array& q, const py::object& mu,
                           bool fields, bool forces, bool strain) {
  const Array<Value> positions(r), charges(q);
  std::optional<Array<Value>> dipoles;
  if (!mu.is_none()) dipoles = Array<Value>(mu);
  if (charges.ndim() != 1) throw std::invalid_argument("charges must have one dimension, [n].");
  const py::ssize_t n = charges.shape(0);
  expect_shape(positions, {n, 3}, "positions");
  if (dipoles) expect_shape(*dipoles, {n, 3}, "dipoles");

  Array<Value> potential(n), field({n, py::ssize_t(3)}), force({n, py::ssize_t(3)});
  Array<double> derivative({3, 3});
  double energy = 0.0;
  DeviceAtoms atoms;
  atoms.n = static_cast<int>(n);
  atoms.positions = positions.data();
  atoms.charges = charges.data();
  if (dipoles) atoms.dipoles = dipoles->data();
  DeviceOutput output;
  output.energy = &energy;
  if (fields) output.potential = potential.mutable_data();
  if (fields) output.field = field.mutable_data();
  if (forces) output.forces = force.mutable_data();
  if (strain) output.strain_derivative = derivative.mutable_data();
  {
    const py::gil_scoped_release release;
    plan.execute_host(atoms, output);
  }
  py::dict result;
  result["energy"] = energy;
  if (fields) result["potential"] = potential;
  if (fields) result["field"] = field;
  if (forces) result["forces"] = force;
  if (strain) result["strain_derivative"] = derivative;
  return result;
}

/// reserve and execute on numpy arrays.
template <class Plan>
py::class_<Plan> bind_device_sums(py::module_& m, const char* name) {
  return py::class_<Plan>(m, name)
      .def("reserve", &Plan::reserve, py::arg("n"), "Takes the memory for n atoms now.")
      .def(
          "execute",
          [](Plan& p, const py::array& r, const py::array& q, const py::object& mu, bool forces, bool strain,
             bool fields, bool single) {
            return single ? execute_on_arrays<float>(p, r, q, mu, fields, forces, strain)
                          : execute_on_arrays<double>(p, r, q, mu, fields, forces, strain);
          },
          py::arg("positions"), py::arg("charges"), py::arg("dipoles") = py::none(), py::arg("forces") = true,
          py::arg("strain") = false, py::arg("fields") = true, py::arg("single") = false,
          "As Plan.execute of _pme; `fields`: potential and field; `single`: arrays of atoms are float32.");
}

/// The same and set_cell.
template <class Plan>
py::class_<Plan> bind_device_plan(py::module_& m, const char* name) {
  return bind_device_sums<Plan>(m, name).def(
      "set_cell",
      [](Plan& p, const Array<double>& cell) {
        expect_shape(cell, {3, 3}, "cell");
        p.set_cell(cell.data());
      },
      py::arg("cell"), "Lattice vectors as rows, Å.");
}

/// Multipoles<Real>(mesh, order, options...) with spread_host and gather_host.
template <template <class> class Multipoles, class Real, class... Options>
Array<Real> spread_on_arrays(const Array<double>& u, const Array<Real>& coefficients, int rank, int order,
                             const std::array<int, 3>& mesh, const Options&... options) {
  check_multipoles(rank, order, mesh, u);
  expect_shape(coefficients, {u.shape(0), components(rank)}, "coefficients");
  Array<Real> result({mesh[0], mesh[1], mesh[2]});
  Multipoles<Real>(mesh, order, options...)
      .spread_host(static_cast<int>(u.shape(0)), u.data(), rank, coefficients.data(), result.mutable_data());
  return result;
}

template <template <class> class Multipoles, class Real, class... Options>
Array<Real> gather_on_arrays(const Array<double>& u, const Array<Real>& values, int rank, int order,
                             const Options&... options) {
  if (values.ndim() != 3) throw std::invalid_argument("mesh must have three dimensions, [K1, K2, K3].");
  std::array<int, 3> mesh;
  for (int d = 0; d < 3; ++d) mesh[d] = static_cast<int>(values.shape(d));
  check_multipoles(rank, order, mesh, u);
  Array<Real> result({u.shape(0), py::ssize_t(components(rank))});
  Multipoles<Real>(mesh, order, options...)
      .gather_host(static_cast<int>(u.shape(0)), u.data(), rank, values.data(), result.mutable_data());
  return result;
}

}  // namespace hotpp::pme::cuda
