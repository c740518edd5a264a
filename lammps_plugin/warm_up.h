// SPDX-License-Identifier: GPL-2.0-or-later
// The first evaluation of a network is slow: threads start, memory is taken, kernels are chosen. It happens
// while the run is set up, where the log can say so, and not in the first step.
#pragma once

#include "model.h"

namespace hotpp {

// Evaluates the network of a small crystal. Not collective: no ghosts.
void warm_up(Model&);

}  // namespace hotpp
