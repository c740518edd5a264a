// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/error_model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "pme/constants.h"
#include "pme/gauss_legendre.h"

namespace hotpp::pme {
namespace {

// The same numbers as in error_model.py, which says what they mean.
constexpr int most_modes = 2000, least_modes = 200, most_phases = 20'000'000;
constexpr int shells = 20, directions = 24;
constexpr double assumed_dipole = 0.27, screened_below = 4.6, assumed_cancellation = 1.5;

/// Aliases G = sum_a m_a K_a b_a with one or two m_a = ±1, ordered so that the opposite of alias i is the
/// last but i.
struct Aliases {
  static constexpr int count = 18;
  int m[count][3];

  Aliases() {
    int filled = 0;
    for (int i = -1; i <= 1; ++i)
      for (int j = -1; j <= 1; ++j)
        for (int l = -1; l <= 1; ++l) {
          const int axes = std::abs(i) + std::abs(j) + std::abs(l);
          if (axes != 1 && axes != 2) continue;
          m[filled][0] = i, m[filled][1] = j, m[filled][2] = l;
          ++filled;
        }
  }
};

double dot(const double* a, const double* b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

double sinc_power(double x, int order) { return std::pow(x == 0.0 ? 1.0 : std::sin(x) / x, order); }

/// The coherent part of one alias G: sums over the modes of c, c k and c k k, c = weight g D W w C / 2.
struct Coherent {
  double charge = 0.0, moment[3] = {}, product[3][3] = {};

  void add(double c, const double* k) {
    charge += c;
    for (int a = 0; a < 3; ++a) {
      moment[a] += c * k[a];
      for (int b = 0; b < 3; ++b) product[a][b] += c * k[a] * k[b];
    }
  }
};

/// Mean square of the force of atoms on themselves and by their cloud, of one alias and its opposite.
double self_force(const Sources& sources, const double* alias, const Coherent& here,
                  const Coherent& opposite) {
  const double component = sources.dipole2 / 3.0, alias2 = dot(alias, alias);
  const double charge = here.charge + opposite.charge;
  double trace = 0.0, squares = 0.0, tensor[3][3];
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b)
      tensor[a][b] =
          here.product[a][b] + opposite.product[a][b] + alias[a] * (here.moment[b] - opposite.moment[b]);
  for (int a = 0; a < 3; ++a) {
    trace += tensor[a][a];
    for (int b = 0; b < 3; ++b) squares += tensor[a][b] * (tensor[a][b] + tensor[b][a]);
  }
  return alias2 * (sources.charge4 * charge * charge +
                   sources.charge2 * component * charge * (2.0 * trace + charge * alias2) +
                   component * component * (trace * trace + squares));
}

}  // namespace

Sources Sources::assumed(std::int64_t atoms, bool dipoles) {
  Sources sources;
  sources.atoms = std::max<std::int64_t>(1, atoms);
  sources.charge2 = sources.charge4 = 1.0;
  sources.dipole2 = dipoles ? assumed_dipole : 0.0;
  return sources;
}

Sources Sources::measured(std::int64_t n, const double* positions, const double* charges,
                          const double* dipoles, double rms_force) {
  Sources sources;
  sources.atoms = n;
  for (std::int64_t i = 0; i < n; ++i) {
    const double q2 = charges[i] * charges[i];
    sources.charge2 += q2 / n;
    sources.charge4 += q2 * q2 / n;
    if (dipoles) sources.dipole2 += dot(dipoles + 3 * i, dipoles + 3 * i) / n;
  }
  if (!(sources.charge2 > 0.0 || sources.dipole2 > 0.0))
    throw std::invalid_argument(
        "All charges and dipoles are zero: there is no force whose error could be estimated.");
  sources.rms_force = rms_force;
  sources.positions = positions;
  sources.charges = charges;
  sources.dipoles = dipoles;
  return sources;
}

ErrorModel::ErrorModel(const Cell& cell, const Kernel& kernel, const Sources& sources)
    : cell_(cell), kernel_(kernel), sources_(sources) {
  int one_by_one = 0;
  if (sources.positions)
    one_by_one = static_cast<int>(
        std::min<std::int64_t>(most_modes, std::max<std::int64_t>(least_modes, most_phases / sources.atoms)));
  sample(one_by_one);
  const int count = static_cast<int>(modes_.size());
#pragma omp parallel for schedule(static)
  for (int i = 0; i < count; ++i) modes_[i].power = power(modes_[i]);
  double force2 = 0.0;
  for (const Mode& m : modes_)
    force2 += m.weight * m.coulomb * m.coulomb * m.k2 * sources_.seen_by(m.k2) * m.power;
  rms_force_ = std::sqrt(force2) / (sources.positions ? 1.0 : assumed_cancellation);
  if (sources.rms_force > 0.0) rms_force_ = sources.rms_force;
}

/// n: integer mode.
void ErrorModel::add_mode(const double n[3], double weight) {
  Mode mode{};
  for (int a = 0; a < 3; ++a) mode.k[a] = 2.0 * pi * dot(&cell_.inverse[3 * a], n);
  mode.k2 = dot(mode.k, mode.k);
  mode.weight = weight;
  mode.coulomb = 4.0 * pi * coulomb_constant / cell_.volume * kernel_.screening(mode.k2) / mode.k2;
  modes_.push_back(mode);
}

/// Half of the modes that matter: the longest waves one by one, shells times directions for the others.
void ErrorModel::sample(int one_by_one) {
  const double extent =
      kernel_.kind == KernelKind::Gaussian ? 5.0 / kernel_.smearing : std::sqrt(kernel_.cutoff_squared);
  const double ball = std::min(extent, std::cbrt(6.0 * pi * pi * one_by_one / cell_.volume));
  int reach[3];
  for (int i = 0; i < 3; ++i)
    reach[i] = static_cast<int>(ball * std::sqrt(dot(&cell_.rows[3 * i], &cell_.rows[3 * i])) / (2.0 * pi));
  for (int i = 0; one_by_one && i <= reach[0]; ++i)
    for (int j = i == 0 ? 0 : -reach[1]; j <= reach[1]; ++j)
      for (int l = i == 0 && j == 0 ? 1 : -reach[2]; l <= reach[2]; ++l) {
        const double n[3] = {double(i), double(j), double(l)};
        add_mode(n, 2.0);
        if (modes_.back().k2 > ball * ball) modes_.pop_back();
      }
  if (ball >= extent) return;
  double nodes[shells], weights[shells];
  gauss_legendre(shells, nodes, weights);
  for (int s = 0; s < shells; ++s) {
    const double half = 0.5 * (extent - ball), radius = ball + half * (nodes[s] + 1.0);
    const double weight = cell_.volume / (2.0 * pi * pi) * radius * radius * half * weights[s] / directions;
    for (int d = 0; d < directions; ++d) {
      const double z = (d + 0.5) / directions, across = std::sqrt(1.0 - z * z);
      const double angle = pi * (1.0 + std::sqrt(5.0)) * d + s;
      const double k[3] = {radius * across * std::cos(angle), radius * across * std::sin(angle), radius * z};
      double n[3];
      for (int i = 0; i < 3; ++i) n[i] = std::nearbyint(dot(&cell_.rows[3 * i], k) / (2.0 * pi));
      if (n[0] != 0.0 || n[1] != 0.0 || n[2] != 0.0) add_mode(n, weight);
    }
  }
}

/// |S(k)|².
double ErrorModel::power(const Mode& mode) const {
  const double n = static_cast<double>(sources_.atoms);
  if (!sources_.positions) {
    const double x = std::sqrt(mode.k2) * std::cbrt(cell_.volume / n) / screened_below, x4 = x * x * x * x;
    return n * (sources_.charge2 * x4 / (1.0 + x4) + sources_.dipole2 / 3.0 * mode.k2);
  }
  double re = 0.0, im = 0.0;
  for (std::int64_t i = 0; i < sources_.atoms; ++i) {
    const double phase = dot(mode.k, sources_.positions + 3 * i);
    const double q = sources_.charges[i], p = sources_.dipoles ? dot(mode.k, sources_.dipoles + 3 * i) : 0.0;
    const double c = std::cos(phase), s = std::sin(phase);
    re += q * c - p * s;
    im += q * s + p * c;
  }
  return re * re + im * im;
}

double ErrorModel::relative_error(int order, const std::array<double, 3>& points) const {
  static const Aliases aliases;
  constexpr int count = Aliases::count;
  double alias[count][3];
  for (int i = 0; i < count; ++i)
    for (int a = 0; a < 3; ++a) {
      alias[i][a] = 0.0;
      for (int d = 0; d < 3; ++d)
        alias[i][a] += 2.0 * pi * aliases.m[i][d] * points[d] * cell_.inverse[3 * a + d];
    }
  Coherent coherent[count];
  double variance = 0.0;
  for (const Mode& mode : modes_) {
    double w[3][5], moduli = 1.0;  // transform of the weights at m_a = -2 .. 2
    bool inside = true;
    for (int d = 0; d < 3; ++d) {
      const double x = 0.5 * dot(mode.k, &cell_.rows[3 * d]) / points[d];
      inside = inside && std::abs(x) <= 0.5 * pi + 1e-9;  // the mode n = K/2 is on the mesh
      double sum = 0.0;
      for (int m = 0; m < 5; ++m) {
        w[d][m] = sinc_power(x + pi * (m - 2), order);
        sum += w[d][m] * w[d][m];
      }
      moduli *= sum;
    }
    const double influence = inside ? mode.coulomb / moduli : 0.0;
    const double w0 = w[0][2] * w[1][2] * w[2][2], seen = sources_.seen_by(mode.k2);
    const double missing = mode.coulomb - influence * w0 * w0;
    double felt = 0.0, entered = 0.0;
    const double cloud = mode.power / (sources_.atoms * seen);
    for (int i = 0; i < count; ++i) {
      const double kappa[3] = {mode.k[0] + alias[i][0], mode.k[1] + alias[i][1], mode.k[2] + alias[i][2]};
      const double kappa2 = dot(kappa, kappa);
      const double v = w[0][aliases.m[i][0] + 2] * w[1][aliases.m[i][1] + 2] * w[2][aliases.m[i][2] + 2];
      const double strength = v * v * sources_.seen_by(kappa2);
      felt += strength * kappa2;
      entered += strength;
      coherent[i].add(0.5 * mode.weight * influence * w0 * cloud * v, mode.k);
    }
    variance += mode.weight * (influence * influence * w0 * w0 *
                                   (felt * mode.power + entered * sources_.atoms * mode.k2 * seen) +
                               missing * missing * mode.k2 * seen * mode.power);
  }
  for (int i = 0; i < count; ++i)
    variance += self_force(sources_, alias[i], coherent[i], coherent[count - 1 - i]);
  return std::sqrt(variance) / rms_force_;
}

}  // namespace hotpp::pme
