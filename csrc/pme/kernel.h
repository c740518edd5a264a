// SPDX-License-Identifier: GPL-2.0-or-later
// The smeared Coulomb kernel: 4 pi screening(k²) / k² in reciprocal space, screening(0) = 1.
//
//   gaussian  screening = exp(-sigma² k²/2), the pair kernel is erf(r / (sqrt(2) sigma)) / r
//   prolate   screening = psi_0^c(k / k_c) / psi_0^c(0) for k <= k_c, exactly 0 beyond: the zeroth prolate
//             spheroidal wave function, of all functions that vanish beyond k_c the one whose transform is
//             most concentrated in r <= c / k_c (Slepian & Pollak 1961). c follows from the `tail`
//             psi_0^c(1) / psi_0^c(0), the height of the step at k_c.
//
// Both have the curvature -sigma² at k = 0, hence the same charge background pi sigma² and the same leading
// order of 1/r minus the kernel: a model keeps its smearing when it changes the kernel.
// Plain data: copied to a device by value.
#pragma once

#include <cmath>
#include <string>

#include "pme/constants.h"
#include "pme/host_device.h"

namespace hotpp::pme {

enum class KernelKind { Gaussian, Prolate };

/// Height of the step of a prolate kernel at its cutoff unless the caller says otherwise.
constexpr double default_tail = 1e-4;

struct Kernel {
  /// Chebyshev coefficients of screening in 2 k²/k_c² - 1; 32 reach rounding for every allowed tail.
  static constexpr int terms = 32;

  KernelKind kind = KernelKind::Gaussian;
  double smearing = 0.0;        ///< sigma, Å: screening = 1 - sigma² k²/2 + ...
  double cutoff_squared = 0.0;  ///< k_c², 1/Å² (prolate)
  double tail = 0.0;            ///< screening at k_c (prolate)
  /// R > 0: the pair kernel is cut off at R, 1/r before smearing only for r < R: multiplies screening by
  /// 1 - cos(k R) (Vico, Greengard & Ferrando 2016). For open boundaries on a periodic mesh (cluster.h); its
  /// derivatives in k² are not provided.
  double truncation = 0.0;
  double self_charge = 0.0;  ///< pair kernel at r = 0: twice the self energy of a unit charge, 1/Å
  double self_dipole = 0.0;  ///< -kernel'(r)/r at r = 0: twice the self energy of a unit dipole, 1/Å³
  double chebyshev[terms] = {};

  Kernel() = default;
  /// A smearing alone means the Gaussian.
  Kernel(double sigma);  // NOLINT: implicit, so that Settings{order, mesh, sigma} keeps its meaning

  static Kernel gaussian(double smearing);
  static Kernel prolate(double smearing, double tail = default_tail);
  /// "gaussian" or "prolate".
  static Kernel named(const std::string& name, double smearing);

  /// Twice what a unit net charge costs per unit volume, Å²: E = -k_e background Q² / V.
  /// Of a truncated kernel: minus that of its finite value at k = 0, R²/2, which the sums over modes leave
  /// out.
  HOTPP_HOST_DEVICE double background() const {
    return truncation > 0.0 ? -pi * truncation * truncation : pi * smearing * smearing;
  }

  HOTPP_HOST_DEVICE double screening(double k_squared) const {
    if (kind == KernelKind::Prolate && k_squared > cutoff_squared) return 0.0;
    const double value =
        kind == KernelKind::Gaussian ? exp(-0.5 * smearing * smearing * k_squared) : series(k_squared).value;
    return truncation > 0.0 ? value * truncation_factor(k_squared) : value;
  }

  HOTPP_HOST_DEVICE double truncation_factor(double k_squared) const {
    return 1.0 - cos(truncation * sqrt(k_squared));
  }

  /// d screening / d(k²), Å².
  HOTPP_HOST_DEVICE double screening_derivative(double k_squared) const {
    if (kind == KernelKind::Gaussian) return -0.5 * smearing * smearing * screening(k_squared);
    return k_squared > cutoff_squared ? 0.0 : series(k_squared).derivative;
  }

  /// d² screening / d(k²)², Å⁴.
  HOTPP_HOST_DEVICE double screening_second_derivative(double k_squared) const {
    if (kind == KernelKind::Gaussian) {
      const double half_variance = 0.5 * smearing * smearing;
      return half_variance * half_variance * screening(k_squared);
    }
    return k_squared > cutoff_squared ? 0.0 : series(k_squared).second_derivative;
  }

  /// -d ln screening / d(k²), Å²; 0 where the kernel vanishes.
  HOTPP_HOST_DEVICE double log_slope(double k_squared) const {
    if (kind == KernelKind::Gaussian) return 0.5 * smearing * smearing;
    if (k_squared > cutoff_squared) return 0.0;
    const Series s = series(k_squared);
    return -s.derivative / s.value;
  }

 private:
  struct Series {
    double value, derivative, second_derivative;
  };

  /// Clenshaw's recurrence and its derivatives.
  HOTPP_HOST_DEVICE Series series(double k_squared) const {
    const double scale = 2.0 / cutoff_squared, x = scale * k_squared - 1.0;
    double b1 = 0.0, b2 = 0.0, d1 = 0.0, d2 = 0.0, e1 = 0.0, e2 = 0.0;
    for (int j = terms - 1; j > 0; --j) {
      const double e0 = 2.0 * x * e1 - e2 + 4.0 * d1;
      const double d0 = 2.0 * x * d1 - d2 + 2.0 * b1;
      const double b0 = 2.0 * x * b1 - b2 + chebyshev[j];
      e2 = e1, e1 = e0, d2 = d1, d1 = d0, b2 = b1, b1 = b0;
    }
    return {x * b1 - b2 + chebyshev[0], scale * (x * d1 - d2 + b1), scale * scale * (x * e1 - e2 + 2.0 * d1)};
  }
};

}  // namespace hotpp::pme
