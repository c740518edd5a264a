// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cmath>
#include <vector>

#include "pme/cluster.h"
#include "pme/constants.h"

namespace hotpp::pme {
namespace {

/// Sources in separate arrays, so that the loop over pairs runs in vectors.
struct Columns {
  std::vector<double> x, y, z, q, mx, my, mz;

  Columns(std::int64_t n, const double* positions, const double* charges, const double* dipoles)
      : x(n), y(n), z(n), q(charges, charges + n), mx(n), my(n), mz(n) {
    for (std::int64_t i = 0; i < n; ++i) {
      x[i] = positions[3 * i], y[i] = positions[3 * i + 1], z[i] = positions[3 * i + 2];
      if (dipoles) mx[i] = dipoles[3 * i], my[i] = dipoles[3 * i + 1], mz[i] = dipoles[3 * i + 2];
    }
  }
};

constexpr int block = 64;  // pairs whose radial functions are looked up together

}  // namespace

// With r = r_i - r_j and B_n of the table (Smith 1982):
//   phi_i    = sum_j  q_j B0 + μ_j·r B1
//   dE/dμ_i  = sum_j -q_j r B1 + μ_j B1 - r (μ_j·r) B2
//   dE/dr_i  = sum_j  c B1 - r [q_i q_j B1 + c·r B2 + μ_i·μ_j B2 - (μ_i·r)(μ_j·r) B3]
//                     - [μ_i (μ_j·r) + μ_j (μ_i·r)] B2,   c = q_i μ_j - q_j μ_i
void direct_sum_rows(const RadialTable& table, std::int64_t n, const double* positions, const double* charges,
                     const double* dipoles, std::int64_t begin, std::int64_t end, double* energies,
                     const Output& output) {
  const Columns s(n, positions, charges, dipoles);
#pragma omp parallel for schedule(static)
  for (std::int64_t i = begin; i < end; ++i) {
    double phi = 0.0, gx = 0.0, gy = 0.0, gz = 0.0, fx = 0.0, fy = 0.0, fz = 0.0;  // g: dE/dμ, f: dE/dr
    const double q = s.q[i], mx = s.mx[i], my = s.my[i], mz = s.mz[i];
    for (std::int64_t start = 0; start < n; start += block) {
      const int count = static_cast<int>(std::min<std::int64_t>(block, n - start));
      double b0[block], b1[block], b2[block], b3[block];
      for (int k = 0; k < count; ++k) {
        const std::int64_t j = start + k;
        const double dx = s.x[i] - s.x[j], dy = s.y[i] - s.y[j], dz = s.z[i] - s.z[j];
        const double r = std::sqrt(dx * dx + dy * dy + dz * dz), other = j == i ? 0.0 : 1.0;
        double b[RadialTable::functions];
        if (dipoles) {
          table.lookup<4>(r, b);
          b2[k] = other * b[2], b3[k] = other * b[3];
        } else {
          table.lookup<2>(r, b);
        }
        b0[k] = other * b[0], b1[k] = other * b[1];
      }
      if (!dipoles) {
#pragma omp simd reduction(+ : phi, gx, gy, gz)
        for (int k = 0; k < count; ++k) {
          const std::int64_t j = start + k;
          const double c = s.q[j] * b1[k];
          phi += s.q[j] * b0[k];
          gx -= c * (s.x[i] - s.x[j]);
          gy -= c * (s.y[i] - s.y[j]);
          gz -= c * (s.z[i] - s.z[j]);
        }
        continue;
      }
#pragma omp simd reduction(+ : phi, gx, gy, gz, fx, fy, fz)
      for (int k = 0; k < count; ++k) {
        const std::int64_t j = start + k;
        const double dx = s.x[i] - s.x[j], dy = s.y[i] - s.y[j], dz = s.z[i] - s.z[j];
        const double along = mx * dx + my * dy + mz * dz;
        const double along_j = s.mx[j] * dx + s.my[j] * dy + s.mz[j] * dz;
        const double both = mx * s.mx[j] + my * s.my[j] + mz * s.mz[j];
        phi += s.q[j] * b0[k] + along_j * b1[k];
        const double radial = s.q[j] * b1[k] + along_j * b2[k];
        gx += s.mx[j] * b1[k] - dx * radial;
        gy += s.my[j] * b1[k] - dy * radial;
        gz += s.mz[j] * b1[k] - dz * radial;
        const double crossed = q * along_j - s.q[j] * along;
        const double outward = q * s.q[j] * b1[k] + (crossed + both) * b2[k] - along * along_j * b3[k];
        const double mine = -s.q[j] * b1[k] - along_j * b2[k], others = q * b1[k] - along * b2[k];
        fx += mine * mx + others * s.mx[j] - dx * outward;
        fy += mine * my + others * s.my[j] - dy * outward;
        fz += mine * mz + others * s.mz[j] - dz * outward;
      }
    }
    if (!dipoles) fx = q * gx, fy = q * gy, fz = q * gz;
    constexpr double k_e = coulomb_constant;
    energies[i] = 0.5 * k_e * (q * phi + mx * gx + my * gy + mz * gz);
    if (output.potential) output.potential[i] = k_e * phi;
    if (output.field)
      output.field[3 * i] = -k_e * gx, output.field[3 * i + 1] = -k_e * gy,
                       output.field[3 * i + 2] = -k_e * gz;
    if (output.forces)
      output.forces[3 * i] = -k_e * fx, output.forces[3 * i + 1] = -k_e * fy,
                        output.forces[3 * i + 2] = -k_e * fz;
  }
}

void add_self_energy(const Kernel& kernel, std::int64_t n, const double* charges, const double* dipoles,
                     Output& output) {
  const double b0 = coulomb_constant * kernel.self_charge, b1 = coulomb_constant * kernel.self_dipole;
  for (std::int64_t i = 0; i < n; ++i) {
    output.energy += 0.5 * b0 * charges[i] * charges[i];
    if (output.potential) output.potential[i] += b0 * charges[i];
    for (int a = 0; dipoles && a < 3; ++a) {
      const double mu = dipoles[3 * i + a];
      output.energy += 0.5 * b1 * mu * mu;
      if (output.field) output.field[3 * i + a] -= b1 * mu;
    }
  }
}

RadialTable table_for(const Kernel& kernel, double diameter) {
  constexpr double slack = 1.05;  // a cluster that breathes keeps its table
  return {kernel, slack * std::max(diameter, kernel.smearing)};
}

}  // namespace hotpp::pme
