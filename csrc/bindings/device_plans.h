// SPDX-License-Identifier: GPL-2.0-or-later
// What the Python classes of plans on a device have in common: numpy arrays in, numpy arrays out.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <optional>

#include "bindings/arrays.h"
#include "bindings/choices.h"
#include "pme/cuda/path.h"
#include "pme/cuda/step.h"
#include "pme/multipoles.h"

namespace hotpp::pme::cuda {

namespace py = pybind11;
using bindings::Array;
using bindings::settings_of;

template <class Value, class Plan>
py::dict execute_on_arrays(Plan& plan, const py::array& r, const py::array& q, const py::object& mu,
                           bool fields, bool forces, bool strain) {
  const bindings::Atoms<Value> arrays(
      r, q, mu.is_none() ? std::nullopt : std::optional<Array<Value>>(mu.cast<Array<Value>>()));
  bindings::Results<Value> results(arrays.size(), fields, forces, strain);
  double energy = 0.0, derivative[9];
  DeviceAtoms atoms;
  atoms.n = static_cast<int>(arrays.size());
  atoms.positions = arrays.positions.data();
  atoms.charges = arrays.charges.data();
  if (arrays.dipoles) atoms.dipoles = arrays.dipole_data();
  DeviceOutput output;
  output.energy = &energy;
  results.offer(output);
  if (strain) output.strain_derivative = derivative;
  {
    const py::gil_scoped_release release;
    plan.execute_host(atoms, output);
  }
  return results.dict(energy, derivative);
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
  return bind_device_sums<Plan>(m, name).def("set_cell", &bindings::set_cell<Plan>, py::arg("cell"),
                                             "Lattice vectors as rows, Å.");
}

/// Multipoles<Real>(mesh, order, options...) with spread_host and gather_host.
template <template <class> class Multipoles, class Real, class... Options>
Array<Real> spread_on_arrays(const Array<double>& u, const Array<Real>& coefficients, int rank, int order,
                             const std::array<int, 3>& mesh, const Options&... options) {
  bindings::check_multipoles(rank, order, mesh);
  const py::ssize_t n = bindings::expect_coordinates(u);
  bindings::expect_shape(coefficients, {n, components(rank)}, "coefficients");
  Array<Real> result({mesh[0], mesh[1], mesh[2]});
  Multipoles<Real>(mesh, order, options...)
      .spread_host(static_cast<int>(n), u.data(), rank, coefficients.data(), result.mutable_data());
  return result;
}

template <template <class> class Multipoles, class Real, class... Options>
Array<Real> gather_on_arrays(const Array<double>& u, const Array<Real>& values, int rank, int order,
                             const Options&... options) {
  const std::array<int, 3> mesh = bindings::mesh_of(values);
  bindings::check_multipoles(rank, order, mesh);
  const py::ssize_t n = bindings::expect_coordinates(u);
  Array<Real> result({n, py::ssize_t(components(rank))});
  Multipoles<Real>(mesh, order, options...)
      .gather_host(static_cast<int>(n), u.data(), rank, values.data(), result.mutable_data());
  return result;
}

}  // namespace hotpp::pme::cuda
