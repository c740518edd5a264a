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

#include "pme/plan.h"
#include "pme/radial_table.h"
#include "pme/settings.h"

namespace hotpp::pme {

enum class ClusterMethod { Auto, Direct, Mesh };

/// The direct sum over all pairs: energy and every wanted output, without self terms; the same bits for any
/// number of threads. forces must be wanted when want_strain is. The table must reach to the farthest pair.
void add_direct_sum(const RadialTable&, std::int64_t n, const double* positions, const double* charges,
                    const double* dipoles, Output&);

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
  int order() const { return used_mesh_ ? order_ : 0; }
  std::array<int, 3> mesh() const { return used_mesh_ ? mesh_ : std::array<int, 3>{}; }

 private:
  struct Extent {
    std::array<double, 3> edges;  // of the bounding box
    double diameter;              // no two atoms are farther apart
  };
  static Extent extent_of(std::int64_t n, const double* positions);
  bool box_fits(const Extent&, std::int64_t n, const double* positions, const double* charges,
                const double* dipoles);
  void fit_box(const Extent&, std::int64_t n, const double* positions, const double* charges,
               const double* dipoles);
  void make_plan();
  void choose_mesh(std::int64_t n, const double* positions, const double* charges, const double* dipoles);
  void add_self(std::int64_t n, const double* charges, const double* dipoles, Output&) const;

  Kernel kernel_;
  double accuracy_;
  bool subtract_self_;
  ClusterMethod method_;
  bool used_mesh_ = false, has_dipoles_ = false;
  int order_ = 0;
  std::array<int, 3> mesh_{};
  std::array<double, 3> room_{};  // extent for which the box was made
  double reach_ = 0.0;            // diameter for which the box was made
  std::array<double, 9> box_{};
  std::unique_ptr<Plan<Real>> plan_;
  std::optional<RadialTable> table_;
  std::vector<double> forces_;
};

}  // namespace hotpp::pme
