// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/influence.h"

namespace hotpp::pme {

template <class Real>
Influence<Real>::Influence(const Settings& settings)
    : mesh_(settings.mesh), stored_(settings.mesh[2] / 2 + 1), modes_(settings) {
  values_.resize(index(0, mesh_[1]));
}

template <class Real>
void Influence<Real>::set_cell(const Cell& cell) {
  modes_.set_cell(cell);
#pragma omp parallel for schedule(static)
  for (int y = 0; y < mesh_[1]; ++y)
    for (int x = 0; x < mesh_[0]; ++x) {
      Real* const row = &values_[index(x, y)];
      for (int z = 0; z < stored_; ++z) row[z] = static_cast<Real>(modes_.influence(x, y, z));
    }
}

template <class Real>
ModeSums Influence<Real>::apply(int y, Real* slab, std::ptrdiff_t plane, bool want_strain) const {
  ModeSums sums;
  for (int x = 0; x < mesh_[0]; ++x) {
    Real* const spectrum = slab + x * plane;
    const Real* const row = &values_[index(x, y)];
    if (want_strain) add_strain(x, y, spectrum, sums.strain);
    double full = 0.0, once = 0.0;  // once: modes that are their own mirror image along z
    for (int z = 0; z < stored_; ++z) {
      const double re = spectrum[2 * z], im = spectrum[2 * z + 1];
      const double term = row[z] * (re * re + im * im);
      full += term;
      if (multiplicity(z, mesh_[2]) == 1.0) once += term;
      spectrum[2 * z] *= row[z];
      spectrum[2 * z + 1] *= row[z];
    }
    sums.energy += full - 0.5 * once;
  }
  return sums;
}

template <class Real>
void Influence<Real>::add_strain(int x, int y, const Real* spectrum, double sums[6]) const {
  const Real* const row = &values_[index(x, y)];
  double moments[6] = {};  // sum of -d ln phi/d(k²) G |rho|² n_a n_b
  for (int z = x + y == 0 ? 1 : 0; z < stored_; ++z) {
    const ModeProducts m = modes_.products(x, y, z);
    const double re = spectrum[2 * z], im = spectrum[2 * z + 1];
    const double term =
        multiplicity(z, mesh_[2]) * row[z] * (re * re + im * im) * modes_.log_slope(modes_.squared(m));
    for (int c = 0; c < 6; ++c) moments[c] += term * m.product[c];
  }
  modes_.add_strain(moments, sums);
}

template class Influence<float>;
template class Influence<double>;

}  // namespace hotpp::pme
