// SPDX-License-Identifier: GPL-2.0-or-later
// The zeroth prolate spheroidal wave function psi_0^c on [-1, 1] (Slepian & Pollak 1961).
#pragma once

#include <vector>

namespace hotpp::pme {

class Prolate {
 public:
  /// bandlimit: c.
  explicit Prolate(double bandlimit);

  /// The bandlimit whose psi(1) / psi(0) is `edge`, 1e-12 <= edge <= 0.05.
  static double bandlimit_of_edge(double edge);

  /// psi(x) / psi(0), |x| <= 1.
  double operator()(double x) const;
  /// Second derivative of psi(x) / psi(0) at x = 0, negative.
  double curvature() const;

 private:
  double bandlimit_, eigenvalue_, at_zero_;
  std::vector<double> legendre_;  // of P_0, P_2, P_4, ...
};

}  // namespace hotpp::pme
