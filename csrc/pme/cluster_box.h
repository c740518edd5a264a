// SPDX-License-Identifier: GPL-2.0-or-later
// What a cluster on one rank and one on many have in common: its size, the choice between the direct sum and
// a mesh, and the periodic box of that mesh (cluster.h has the formulas).
#pragma once

#include <array>
#include <cstdint>

#include "pme/settings.h"

namespace hotpp::pme {

enum class ClusterMethod { Auto, Direct, Mesh };

/// Throws std::invalid_argument unless the kernel and the accuracy can be had; the method that they allow.
ClusterMethod allowed_method(const Kernel&, double accuracy, ClusterMethod);

/// Lowest and highest coordinates of atoms.
struct Bounds {
  std::array<double, 3> low, high;
  Bounds();
  void add(std::int64_t n, const double* positions);
  std::array<double, 3> centre() const;
};

struct ClusterExtent {
  std::array<double, 3> edges{};  ///< of the bounding box
  double diameter = 0.0;          ///< no two atoms are farther apart

  ClusterExtent() = default;
  /// farthest: distance of any atom from the centre of the bounds.
  ClusterExtent(const Bounds&, double farthest);
  /// Throws std::invalid_argument if no table or mesh could span it.
  void check(const Kernel&) const;
};
double farthest_from(const std::array<double, 3>& centre, std::int64_t n, const double* positions);

/// Nanoseconds of a direct sum on one core.
double direct_sum_cost(std::int64_t n, bool dipoles);
/// Below, a mesh cannot win, and none is looked for.
constexpr double always_direct = 3e6;

/// A periodic box with its mesh, a little larger than the cluster needs and kept while it fits.
class ClusterBox {
 public:
  ClusterBox(const Kernel& kernel, double accuracy) : kernel_(kernel), accuracy_(accuracy) {}

  /// Neither too small nor much too large.
  bool fits(const ClusterExtent&, bool dipoles) const;
  /// For all atoms of the cluster. Throws std::invalid_argument if no mesh is accurate or small enough;
  /// nothing fits then.
  void make(const ClusterExtent&, std::int64_t n, const double* positions, const double* charges,
            const double* dipoles);

  int order() const { return order_; }
  const std::array<int, 3>& mesh() const { return mesh_; }
  const double* vectors() const { return box_.data(); }
  Settings settings(bool subtract_self) const;

 private:
  Kernel kernel_;
  double accuracy_;
  bool has_dipoles_ = false;
  int order_ = 0;
  std::array<int, 3> mesh_{};
  std::array<double, 3> room_{};  // extent for which the box was made
  double reach_ = 0.0;            // diameter for which the box was made
  std::array<double, 9> box_{};
};

}  // namespace hotpp::pme
