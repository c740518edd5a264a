// SPDX-License-Identifier: GPL-2.0-or-later
// The order and mesh of a run: chosen from the first cell, kept while the cell changes little.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>

#include "pme/accuracy.h"

namespace hotpp::pme {

/// The same in Python: electrostatics/mesh_choice.py.
class MeshChoice {
 public:
  /// Relative change of the length of a cell vector beyond which the mesh is chosen anew. A mesh that follows
  /// the cell at every step makes the energy jump.
  static constexpr double cell_change = 0.05;

  /// order: none, the cheapest is chosen as well. mesh: fixed by the user, never chosen. spacing: largest
  /// distance of mesh points along the cell vectors, Å, instead of the accuracy. Both need an order.
  MeshChoice(const Kernel& kernel, double accuracy, bool dipoles, std::optional<int> order,
             std::optional<std::array<int, 3>> mesh, std::optional<double> spacing = std::nullopt)
      : kernel_(kernel),
        accuracy_(accuracy),
        dipoles_(dipoles),
        given_order_(order),
        given_mesh_(mesh),
        given_spacing_(spacing) {
    if (order) order_ = *order;
    if (mesh) mesh_ = *mesh;
    if ((mesh || spacing) && !order)
      throw std::invalid_argument("The mesh is fixed without an assignment order: give the order as well.");
  }

  /// Looks at a cell; true when order and mesh have been chosen for it.
  bool update(const double cell[9], const Sources& sources) {
    std::array<double, 3> lengths;
    for (int i = 0; i < 3; ++i) lengths[i] = std::hypot(cell[3 * i], cell[3 * i + 1], cell[3 * i + 2]);
    if (given_mesh_) return false;
    bool keep = lengths_[0] > 0.0;
    for (int i = 0; keep && i < 3; ++i) keep = std::abs(lengths[i] / lengths_[i] - 1.0) <= cell_change;
    if (keep) return false;
    lengths_ = lengths;
    if (given_spacing_) {
      for (int i = 0; i < 3; ++i)
        mesh_[i] = fft_size(std::max<double>(order_, lengths[i] / *given_spacing_ - 1e-9));
      return true;
    }
    const int lowest = given_order_.value_or(dipoles_ ? 4 : min_order);
    const Choice choice =
        choose(cell, kernel_, accuracy_, dipoles_, sources, lowest, given_order_.value_or(max_order));
    order_ = choice.order;
    mesh_ = choice.mesh;
    return true;
  }

  int order() const { return order_; }
  const std::array<int, 3>& mesh() const { return mesh_; }
  double estimate(const double cell[9], const Sources& sources) const {
    return estimated_error(cell, kernel_, order_, mesh_, sources);
  }

 private:
  Kernel kernel_;
  double accuracy_;
  bool dipoles_;
  std::optional<int> given_order_;
  std::optional<std::array<int, 3>> given_mesh_;
  std::optional<double> given_spacing_;
  int order_ = 0;
  std::array<int, 3> mesh_{};
  std::array<double, 3> lengths_{};  // of the cell for which the mesh was chosen
};

}  // namespace hotpp::pme
