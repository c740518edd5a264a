// SPDX-License-Identifier: GPL-2.0-or-later
// The parts of the Python module hotpp_lr._pme.
#pragma once

#include <pybind11/pybind11.h>

#include <array>

namespace hotpp::pme::bindings {

namespace py = pybind11;

inline py::tuple as_tuple(const std::array<int, 3>& mesh) {
  return py::make_tuple(mesh[0], mesh[1], mesh[2]);
}

void bind_plans(py::module_&);
void bind_kernel(py::module_&);
void bind_choice(py::module_&);
void bind_stencils(py::module_&);

}  // namespace hotpp::pme::bindings
