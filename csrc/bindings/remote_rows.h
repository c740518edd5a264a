// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <pybind11/pybind11.h>

namespace hotpp::pme::bindings {

void bind_remote_rows(pybind11::module_&);

}  // namespace hotpp::pme::bindings
