// SPDX-License-Identifier: GPL-2.0-or-later
// What the Python modules have in common: numpy arrays in, shapes checked.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pme/settings.h"

namespace hotpp::pme::bindings {

namespace py = pybind11;

template <class Real>
using Array = py::array_t<Real, py::array::c_style | py::array::forcecast>;
using Doubles = Array<double>;

inline void expect_shape(const py::array& array, const std::vector<py::ssize_t>& shape, const char* name) {
  const std::vector<py::ssize_t> given(array.shape(), array.shape() + array.ndim());
  if (given == shape) return;
  throw std::invalid_argument(std::string(name) + " has shape " +
                              py::str(py::cast(given)).cast<std::string>() + ": expected " +
                              py::str(py::cast(shape)).cast<std::string>() + ".");
}

inline Deconvolution deconvolution_of(const std::string& name) {
  if (name == "none") return Deconvolution::None;
  if (name == "plain") return Deconvolution::Plain;
  if (name == "alias") return Deconvolution::Alias;
  throw std::invalid_argument("The deconvolution is '" + name + "': choose alias, plain or none.");
}

inline Boundary boundary_of(const std::string& name) {
  if (name == "periodic") return Boundary::Periodic;
  if (name == "slab") return Boundary::Slab;
  throw std::invalid_argument("The boundary is '" + name +
                              "': choose periodic or slab; clusters have no cell, see Cluster.");
}

/// One atom list with its shapes checked; keeps the arrays alive.
struct Atoms {
  Doubles positions, charges;
  std::optional<Doubles> dipoles;

  Atoms(Doubles r, Doubles q, std::optional<Doubles> mu)
      : positions(std::move(r)), charges(std::move(q)), dipoles(std::move(mu)) {
    if (charges.ndim() != 1) throw std::invalid_argument("charges must have one dimension, [n].");
    expect_shape(positions, {size(), 3}, "positions");
    if (dipoles) expect_shape(*dipoles, {size(), 3}, "dipoles");
  }
  py::ssize_t size() const { return charges.shape(0); }
  const double* dipole_data() const { return dipoles ? dipoles->data() : nullptr; }
};

}  // namespace hotpp::pme::bindings
