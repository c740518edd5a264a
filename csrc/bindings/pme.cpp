// SPDX-License-Identifier: GPL-2.0-or-later
// Python module hotpp_lr._pme: plans on numpy arrays, and every kernel by itself for tests.
#include <pybind11/pybind11.h>

#include <stdexcept>
#include <string>

#include "pme/cpu/kernels.h"
#include "pme/cpu/threads.h"
#include "pme_parts.h"

namespace py = pybind11;
using namespace hotpp::pme;
using namespace hotpp::pme::bindings;

PYBIND11_MODULE(_pme, m) {
  m.doc() = "Native mesh electrostatics (csrc/pme). Units: eV, Å, e.";
  bind_plans(m);
  bind_kernel(m);
  bind_choice(m);
  bind_stencils(m);
  m.def("instruction_set", &instruction_set,
        "Which version of the stencil kernels runs: portable, avx2, avx512.");
  m.def("max_threads", &max_threads);
  m.def(
      "set_num_threads",
      [](int threads) {
        if (threads < 1 || threads > 1024)
          throw std::invalid_argument("The number of threads is " + std::to_string(threads) +
                                      ": choose one from 1 to 1024.");
#ifdef _OPENMP
        omp_set_num_threads(threads);
#endif
      },
      py::arg("threads"), "Number of OpenMP threads of the following calls.");
}
