// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/kernel.h"

#include <stdexcept>

#include "pme/prolate.h"

namespace hotpp::pme {

Kernel::Kernel(double sigma) : Kernel(gaussian(sigma)) {}

Kernel Kernel::gaussian(double smearing) {
  Kernel kernel;
  kernel.smearing = smearing;
  kernel.self_charge = std::sqrt(2.0 / pi) / smearing;
  kernel.self_dipole = kernel.self_charge / (3.0 * smearing * smearing);
  return kernel;
}

Kernel Kernel::prolate(double smearing, double tail) {
  if (!(tail >= 1e-10 && tail <= 0.05))
    throw std::invalid_argument("The tail of the prolate kernel is " + std::to_string(tail) +
                                ": give the height of its step at the cutoff, 1e-10 to 0.05.");
  const Prolate psi(Prolate::bandlimit_of_edge(tail));
  Kernel kernel;
  kernel.kind = KernelKind::Prolate;
  kernel.smearing = smearing;
  kernel.tail = tail;
  kernel.cutoff_squared = -psi.curvature() / (smearing * smearing);  // curvature -sigma² at k = 0
  // Chebyshev nodes in t = k²/k_c².
  double values[terms];
  for (int n = 0; n < terms; ++n) values[n] = psi(std::sqrt(0.5 * (1.0 + std::cos(pi * (n + 0.5) / terms))));
  for (int j = 0; j < terms; ++j) {
    double sum = 0.0;
    for (int n = 0; n < terms; ++n) sum += values[n] * std::cos(pi * j * (n + 0.5) / terms);
    kernel.chebyshev[j] = (j == 0 ? 1.0 : 2.0) / terms * sum;
  }
  // (2/pi) int_0^k_c screening dk and (2/pi) int_0^k_c k²/3 screening dk: with x = k/k_c the series runs over
  // T_2j(x), whose integral from 0 to 1 is 1/(1 - 4 j²).
  const auto integral = [](int j) { return 1.0 / (1.0 - 4.0 * j * j); };
  const double scale = 2.0 / pi * std::sqrt(kernel.cutoff_squared);
  for (int j = 0; j < terms; ++j) {
    kernel.self_charge += scale * kernel.chebyshev[j] * integral(j);
    kernel.self_dipole += scale * kernel.cutoff_squared / 3.0 * kernel.chebyshev[j] *
                          (0.5 * integral(j) + 0.25 * (integral(j + 1) + integral(j - 1)));
  }
  return kernel;
}

Kernel Kernel::named(const std::string& name, double smearing) {
  if (name == "gaussian") return gaussian(smearing);
  if (name == "prolate") return prolate(smearing);
  throw std::invalid_argument("The kernel is '" + name + "': choose gaussian or prolate.");
}

}  // namespace hotpp::pme
