// SPDX-License-Identifier: GPL-2.0-or-later
// Checks of what a caller gives. Each throws std::invalid_argument, naming the value, what is expected and
// the remedy.
#pragma once

#include <cstdint>

#include "pme/cell.h"
#include "pme/settings.h"

namespace hotpp::pme {

void check(const Settings&);

/// The cell of a plan must have been set.
void check(const Cell&);

/// The relative rms force error that is asked for.
void check_accuracy(double accuracy);

/// Finite positions, charges and dipoles (or null).
void check_atoms(std::int64_t n, const double* positions, const double* charges, const double* dipoles);

/// Everything that Plan::execute is given.
void check_execute(const Settings&, const Cell&, std::int64_t n, const double* positions,
                   const double* charges, const double* dipoles, const Output&);

}  // namespace hotpp::pme
