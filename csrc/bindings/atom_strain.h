// SPDX-License-Identifier: GPL-2.0-or-later
// Strain derivatives of atoms from any plan, as a numpy array.
#pragma once

#include <optional>

#include "arrays.h"
#include "pme/settings.h"

namespace hotpp::pme::bindings {

template <class Solver>
Doubles atom_strain(Solver& solver, const Doubles& r, const Doubles& q, const std::optional<Doubles>& mu) {
  const Atoms<double> atoms(r, q, mu);
  Doubles result({atoms.size(), pybind11::ssize_t(6)});
  Output output;
  output.atom_strain = result.mutable_data();
  {
    const pybind11::gil_scoped_release release;
    solver.execute(atoms.size(), atoms.positions.data(), atoms.charges.data(), atoms.dipole_data(), output);
  }
  return result;
}

constexpr const char* atom_strain_help =
    "[n, 6] xx yy zz xy xz yz, eV: strain derivative of each atom's share of the energy, symmetric part.";

}  // namespace hotpp::pme::bindings
