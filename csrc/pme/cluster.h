// SPDX-License-Identifier: GPL-2.0-or-later
// Clusters: no periodic axis. Small ones by the direct pair sum of the smeared kernel, exact and O(N²); large
// ones on a periodic mesh that is large enough, with a kernel cut off between the cluster and its images:
//
//   1/r before smearing for r < R, 0 beyond:  4 pi (1 - cos(k R))/k² screening(k²),  2 pi R² at k = 0
//   box = extent + R + 6 sigma,  R = diameter + 6 sigma
//
// (Vico, Greengard & Ferrando 2016): no k = 0 singularity, no background, any net charge.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "pme/cluster_box.h"
#include "pme/plan.h"
#include "pme/radial_table.h"
#include "pme/settings.h"

namespace hotpp::pme {

/// Rows [begin, end) of the direct sum over all pairs, without self terms: every wanted output of these
/// atoms, and their shares of the energy in eV, energies[begin .. end). The same bits for any number of
/// threads and any cut into rows. The table must reach to the farthest pair.
void direct_sum_rows(const RadialTable&, std::int64_t n, const double* positions, const double* charges,
                     const double* dipoles, std::int64_t begin, std::int64_t end, double* energies,
                     const Output&);

/// What every smeared charge and dipole does to itself, added to the outputs.
void add_self_energy(const Kernel&, std::int64_t n, const double* charges, const double* dipoles, Output&);

/// A radial table for a cluster of this diameter, with room to grow.
RadialTable table_for(const Kernel&, double diameter);

/// Real: precision of the mesh; the direct sum is float64.
template <class Real>
class Cluster {
 public:
  /// accuracy: relative rms force error of the mesh.
  explicit Cluster(const Kernel&, double accuracy = 1e-4, bool subtract_self = true,
                   ClusterMethod = ClusterMethod::Auto);

  /// As Plan::execute; the strain derivative moves the atoms only.
  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               Output&);

  /// Order and points of the mesh of the last call, zero after a direct sum.
  int order() const { return used_mesh_ ? box_.order() : 0; }
  std::array<int, 3> mesh() const { return used_mesh_ ? box_.mesh() : std::array<int, 3>{}; }

 private:
  bool box_fits(const ClusterExtent&, std::int64_t n, const double* positions, const double* charges,
                const double* dipoles);
  void fit_box(const ClusterExtent&, std::int64_t n, const double* positions, const double* charges,
               const double* dipoles);

  Kernel kernel_;
  bool subtract_self_;
  ClusterMethod method_;
  ClusterBox box_;
  bool used_mesh_ = false;
  std::unique_ptr<Plan<Real>> plan_;
  std::optional<RadialTable> table_;
  std::vector<double> forces_, energies_;
};

/// Refuses what no cluster has.
void check_cluster_request(const Output&);

}  // namespace hotpp::pme
