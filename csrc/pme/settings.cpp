// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/settings.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "pme/splines.h"

namespace hotpp::pme {

void check(const Settings& settings) {
  const int order = settings.order;
  if (order < min_order || order > max_order)
    throw std::invalid_argument("The assignment order is " + std::to_string(order) +
                                ": choose an integer from " + std::to_string(min_order) + " to " +
                                std::to_string(max_order) + ".");
  for (int points : settings.mesh)
    if (points < order)
      throw std::invalid_argument(
          "The mesh has " + std::to_string(points) + " points along one axis, but order " +
          std::to_string(order) +
          " touches that many points: give at least as many mesh points as the order.");
  if (!(settings.smearing > 0) || !std::isfinite(settings.smearing))
    throw std::invalid_argument("The smearing is " + std::to_string(settings.smearing) +
                                ": give a positive length in Å.");
}

}  // namespace hotpp::pme
