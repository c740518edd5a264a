// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/outputs.h"

#include <cmath>

#include "pme/constants.h"
#include "pme/multipoles.h"

namespace hotpp::pme {

SelfTerms::SelfTerms(const Settings& settings, double volume) {
  const Kernel& kernel = settings.kernel;
  const double own = settings.subtract_self ? 0.5 * coulomb_constant : 0.0;
  charge = own * kernel.self_charge;
  dipole = own * kernel.self_dipole;
  background = -coulomb_constant * kernel.background() / volume;
}

void SelfTerms::add(const ChargeSums& sums, Output& output) const {
  const double energy = background * sums.charge * sums.charge;
  output.energy += energy - charge * sums.charge_squared - dipole * sums.dipole_squared;
  if (output.want_strain)
    for (int a = 0; a < 3; ++a) output.strain_derivative[4 * a] -= energy;
}

void prefetch_outputs(const std::int32_t* original, std::int64_t begin, std::int64_t end,
                      const double* charges, const double* dipoles, const Output& output) {
#if defined(__GNUC__)
  auto vector = [](const double* p) {  // three numbers may lie in two cache lines
    __builtin_prefetch(p);
    __builtin_prefetch(p + 2);
  };
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t to = original[i];
    __builtin_prefetch(charges + to);
    if (output.potential) __builtin_prefetch(output.potential + to, 1);
    if (dipoles) vector(dipoles + 3 * to);
    if (output.field) vector(output.field + 3 * to);
    if (output.forces) vector(output.forces + 3 * to);
  }
#endif
}

template <class Real>
AtomSums write_outputs(const MeshTransform& to_cartesian, const SelfTerms& terms, double total_charge,
                       const std::int32_t* original, std::int64_t begin, std::int64_t end, int spread_rank,
                       const Real* coefficients, int gather_rank, const Real* derivatives,
                       const double* charges, const double* dipoles, Output& output) {
  const MeshTransform transform = to_cartesian;  // copies: not what the outputs are written to
  const SelfTerms self = terms;
  AtomSums sums;
  for (std::int64_t i = begin; i < end; ++i) {
    const Real* const d = derivatives + (i - begin) * components(gather_rank);
    const Real* const c = coefficients + i * components(spread_rank);
    const std::int64_t to = original[i];
    double energy = static_cast<double>(c[0]) * d[0];
    if (output.potential) {
      const double potential = d[0] + 2.0 * (self.background * total_charge - self.charge * charges[to]);
      output.potential[to] = potential;
      sums.size[0] += std::abs(potential);
    }
    if (gather_rank >= 1) {
      const Real* const gradient = d + 1;
      double g[3];
      for (int a = 0; a < 3; ++a) g[a] = transform.gradient(a, gradient);
      if (dipoles) {
        const double* const mu = dipoles + 3 * to;
        for (int a = 0; a < 3; ++a) energy += static_cast<double>(c[1 + a]) * gradient[a];
        if (output.want_strain)
          for (int ab = 0; ab < 9; ++ab) sums.strain[ab] -= g[ab / 3] * mu[ab % 3];
      }
      if (output.field)
        for (int a = 0; a < 3; ++a) {
          const double field = (dipoles ? 2.0 * self.dipole * dipoles[3 * to + a] : 0.0) - g[a];
          output.field[3 * to + a] = field;
          sums.size[1] += std::abs(field);
        }
      if (output.forces) {
        const double q = c[0];
        double force[3] = {-q * g[0], -q * g[1], -q * g[2]};
        if (dipoles) {
          const Real* const h = d + 4;  // xx, yy, zz, xy, xz, yz
          const double mu[3] = {c[1], c[2], c[3]};
          const double product[3] = {h[0] * mu[0] + h[3] * mu[1] + h[4] * mu[2],
                                     h[3] * mu[0] + h[1] * mu[1] + h[5] * mu[2],
                                     h[4] * mu[0] + h[5] * mu[1] + h[2] * mu[2]};
          for (int a = 0; a < 3; ++a) force[a] -= transform.gradient(a, product);
        }
        for (int a = 0; a < 3; ++a) {
          output.forces[3 * to + a] = force[a];
          sums.size[2] += std::abs(force[a]);
        }
      }
    }
    sums.energy += 0.5 * energy;
  }
  return sums;
}

#define HOTPP_OUTPUTS(REAL)                                                                            \
  template AtomSums write_outputs(const MeshTransform&, const SelfTerms&, double, const std::int32_t*, \
                                  std::int64_t, std::int64_t, int, const REAL*, int, const REAL*,      \
                                  const double*, const double*, Output&);
HOTPP_OUTPUTS(float)
HOTPP_OUTPUTS(double)

}  // namespace hotpp::pme
