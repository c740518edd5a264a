// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace hotpp::pme {

/// Nodes and weights of Gauss-Legendre quadrature on [-1, 1].
void gauss_legendre(int n, double* nodes, double* weights);

}  // namespace hotpp::pme
