// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernels found wrong, as an exception.
#pragma once

#include <stdexcept>
#include <string>

#include "pme/cuda/step.h"

namespace hotpp::pme::cuda {

inline void throw_problems(const State& state) {
  if (state.reported_problems == 0) return;
  const std::string atom = "Atom " + std::to_string(state.reported_atom);
  if (state.reported_problems & not_finite)
    throw std::invalid_argument(
        atom +
        " has a position, charge or dipole that is NaN or infinite: all of them must be "
        "finite; look at what made them (an exploding run, a broken model) first.");
  if (state.reported_problems & too_far)
    throw std::invalid_argument(
        atom +
        " is more than 1e7 cells away: double precision no longer knows where in the cell "
        "that is; wrap the positions.");
  if (state.reported_problems & too_far_apart)
    throw std::invalid_argument(
        atom +
        " and another one of the cluster are farther apart than the kernel was "
        "tabulated for: give a larger `farthest`, or look for an atom that has left.");
  if (state.reported_problems & thin_vacuum)
    throw std::invalid_argument(
        "The slab is too thick for its cell: make the vacuum at least 2 times the thickness, and do not wrap "
        "atoms "
        "through it.");
  throw std::invalid_argument(atom +
                              " has a charge or dipole beyond 1e30, the range of the mesh on a device: give "
                              "charges in e and dipoles in e·Å.");
}

}  // namespace hotpp::pme::cuda
