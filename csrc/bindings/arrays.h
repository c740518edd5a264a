// SPDX-License-Identifier: GPL-2.0-or-later
// What the Python modules have in common: numpy arrays in, shapes checked, numpy arrays out.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

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

/// Points of a mesh that was given, [K1, K2, K3].
inline std::array<int, 3> mesh_of(const py::array& mesh) {
  if (mesh.ndim() != 3) throw std::invalid_argument("mesh must have three dimensions, [K1, K2, K3].");
  return {static_cast<int>(mesh.shape(0)), static_cast<int>(mesh.shape(1)), static_cast<int>(mesh.shape(2))};
}

/// Mesh coordinates [n, 3]; n.
inline py::ssize_t expect_coordinates(const py::array& u, const char* name = "u") {
  const py::ssize_t n = u.ndim() == 2 ? u.shape(0) : 0;
  expect_shape(u, {n, 3}, name);
  return n;
}

/// One atom list with its shapes checked; keeps the arrays alive.
template <class Real>
struct Atoms {
  Array<Real> positions, charges;
  std::optional<Array<Real>> dipoles;

  Atoms(Array<Real> r, Array<Real> q, std::optional<Array<Real>> mu)
      : positions(std::move(r)), charges(std::move(q)), dipoles(std::move(mu)) {
    if (charges.ndim() != 1) throw std::invalid_argument("charges must have one dimension, [n].");
    expect_shape(positions, {size(), 3}, "positions");
    if (dipoles) expect_shape(*dipoles, {size(), 3}, "dipoles");
  }
  py::ssize_t size() const { return charges.shape(0); }
  const Real* dipole_data() const { return dipoles ? dipoles->data() : nullptr; }
};

/// Arrays for what a plan writes, and the dictionary that a caller gets.
template <class Real>
class Results {
 public:
  Results(py::ssize_t n, bool fields, bool forces, bool strain) : strain_(strain) {
    const std::array<py::ssize_t, 2> vectors{n, 3};
    if (fields) potential_.emplace(n), field_.emplace(vectors);
    if (forces) forces_.emplace(vectors);
  }
  /// Tells the plan what is wanted per atom.
  template <class Output>
  void offer(Output& output) {
    if (potential_) output.potential = potential_->mutable_data();
    if (field_) output.field = field_->mutable_data();
    if (forces_) output.forces = forces_->mutable_data();
  }
  /// strain_derivative [9] is read only if it was wanted.
  py::dict dict(double energy, const double* strain_derivative) const {
    py::dict result;
    result["energy"] = energy;
    if (potential_) result["potential"] = *potential_;
    if (field_) result["field"] = *field_;
    if (forces_) result["forces"] = *forces_;
    if (!strain_) return result;
    Doubles strain({3, 3});
    std::copy_n(strain_derivative, 9, strain.mutable_data());
    result["strain_derivative"] = strain;
    return result;
  }

 private:
  std::optional<Array<Real>> potential_, field_, forces_;
  bool strain_;
};

/// set_cell of any plan.
template <class Plan>
void set_cell(Plan& plan, const Doubles& cell) {
  expect_shape(cell, {3, 3}, "cell");
  plan.set_cell(cell.data());
}

}  // namespace hotpp::pme::bindings
