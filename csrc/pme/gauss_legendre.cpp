// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/gauss_legendre.h"

#include <cmath>

#include "pme/constants.h"

namespace hotpp::pme {

void gauss_legendre(int n, double* nodes, double* weights) {
  for (int i = 0; i < n; ++i) {
    // Newton's method
    double x = -std::cos(pi * (i + 0.75) / (n + 0.5)), slope = 1.0;
    for (int step = 0; step < 20; ++step) {
      double previous = 1.0, current = x;
      for (int j = 2; j <= n; ++j) {
        const double next = ((2 * j - 1) * x * current - (j - 1) * previous) / j;
        previous = current;
        current = next;
      }
      slope = n * (x * current - previous) / (x * x - 1.0);
      x -= current / slope;
    }
    nodes[i] = x;
    weights[i] = 2.0 / ((1.0 - x * x) * slope * slope);
  }
}

}  // namespace hotpp::pme
