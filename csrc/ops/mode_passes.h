// SPDX-License-Identifier: GPL-2.0-or-later
//
// The three passes over the modes of one structure that reciprocal_sum.h describes, each with its transforms.
#pragma once

#include "ops/mesh_worker.h"
#include "ops/mode_sums.h"

namespace hotpp::ops {

// Reals in the spectrum of each structure, [y][x][z] with padding; [S + 1] offsets.
template <class Real>
std::vector<std::int64_t> spectrum_offsets(const MeshBatch& batch) {
  std::vector<std::int64_t> first{0};
  for (const auto& mesh : batch.meshes)
    first.push_back(first.back() +
                    2 * static_cast<std::int64_t>(mesh[0]) * mesh[1] * padded_modes<Real>(mesh[2]));
  return first;
}

inline std::vector<std::int64_t> spectrum_offsets(const MeshBatch& batch, at::ScalarType type) {
  return type == at::kFloat ? spectrum_offsets<float>(batch) : spectrum_offsets<double>(batch);
}

// Mesh of the worker: charges -> nothing of use. Keeps their spectrum in `saved` unless null; returns
// sum A |rho|².
template <class Real>
double power_pass(MeshWorker<Real>& worker, const ModeTable<Real>& table, Real* saved) {
  const int n = worker.stored_modes();
  const SlabSum sum = worker.over_modes(true, false, table.modes, [&](int x, int y, SlabColumns& columns) {
    const std::int64_t at = worker.mode_row(x, y);
    if (saved) std::copy_n(worker.row(x, y), 2 * n, saved + 2 * at);
    add_power(n, worker.row(x, y), table.value.data() + at, columns.total.data());
  });
  return sum.total;
}

// Mesh of the worker: 2 A * rho if wanted. Returns the moments of A' |rho|² if wanted.
template <class Real>
SlabSum gradient_pass(MeshWorker<Real>& worker, const ModeTable<Real>& table, const Real* spectrum,
                      bool want_rho, bool want_metric) {
  const int n = worker.stored_modes();
  return worker.over_modes(false, want_rho, table.modes, [&](int x, int y, SlabColumns& columns) {
    const std::int64_t at = worker.mode_row(x, y);
    if (want_rho) convolve(n, spectrum + 2 * at, table.value.data() + at, worker.row(x, y));
    if (!want_metric) return;
    slope_terms(n, spectrum + 2 * at, table.slope.data() + at, columns.terms.data());
    columns.add_moments(table.modes, x);
  });
}

// Mesh of the worker: tau (if `tau`) -> 2 A * tau + 2 (nΓn) A' * rho if wanted. Returns dJ/de and the moments
// of dJ/dmetric (if wanted), without the factor e. gamma [3][3] or null.
template <class Real>
SlabSum second_pass(MeshWorker<Real>& worker, const ModeTable<Real>& table, const Real* spectrum, bool tau,
                    const double* gamma, bool want_rho, bool want_metric) {
  const int n = worker.stored_modes();
  return worker.over_modes(tau, want_rho, table.modes, [&](int x, int y, SlabColumns& columns) {
    const std::int64_t at = worker.mode_row(x, y);
    Real* const row = worker.row(x, y);
    const ModeRow<Real> modes{spectrum + 2 * at, row, table.value.data() + at,
                              table.slope.empty() ? nullptr : table.slope.data() + at,
                              table.curvature.empty() ? nullptr : table.curvature.data() + at};
    double* const terms = want_metric ? columns.terms.data() : nullptr;
    if (tau) {
      rho_tangent_terms(modes, n, columns.total.data(), row, terms);
    } else {
      std::fill_n(row, 2 * n, Real(0));
      if (terms) std::fill_n(terms, n, 0.0);
    }
    if (gamma)
      metric_tangent_terms(modes, n, RowTangent(gamma, table.modes, x, y), table.modes.z,
                           columns.total.data(), row, terms);
    if (want_metric) columns.add_moments(table.modes, x);
  });
}

// Derivatives of the table that second_pass needs.
inline int second_pass_derivatives(const double* gamma, bool want_metric) {
  return gamma && want_metric ? 2 : gamma || want_metric ? 1 : 0;
}

// moments xx, yy, zz, xy, xz, yz -> [3][3]
inline void write_moments(double factor, const SlabSum& sum, double* to) {
  constexpr int component[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
  for (int ij = 0; ij < 9; ++ij) to[ij] = factor * sum.moments[component[ij]];
}

}  // namespace hotpp::ops
