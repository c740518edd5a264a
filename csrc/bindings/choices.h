// SPDX-License-Identifier: GPL-2.0-or-later
// What a Python caller chooses by name, and what of it is refused.
#pragma once

#include <array>
#include <stdexcept>
#include <string>

#include "pme/cluster_box.h"
#include "pme/inputs.h"
#include "pme/multipoles.h"
#include "pme/settings.h"
#include "pme/splines.h"

namespace hotpp::pme::bindings {

/// make(Real()) with Real float or double; both must give the same type.
template <class F>
auto with_precision(const std::string& name, F&& make) {
  if (name == "double") return make(double());
  if (name == "float") return make(float());
  throw std::invalid_argument("The precision is '" + name + "': choose double or float.");
}

inline Deconvolution deconvolution_of(const std::string& name) {
  if (name == "none") return Deconvolution::None;
  if (name == "plain") return Deconvolution::Plain;
  if (name == "alias") return Deconvolution::Alias;
  throw std::invalid_argument("The deconvolution is '" + name + "': choose alias, plain or none.");
}

inline Boundary boundary_of(const std::string& name) {
  if (name == "periodic") return Boundary::Periodic;
  if (name == "slab") return Boundary::Slab;
  throw std::invalid_argument("The boundary is '" + name +
                              "': choose periodic or slab; clusters have no cell, see Cluster.");
}

inline ClusterMethod method_of(const std::string& name) {
  if (name == "auto") return ClusterMethod::Auto;
  if (name == "direct") return ClusterMethod::Direct;
  if (name == "mesh") return ClusterMethod::Mesh;
  throw std::invalid_argument("The method is '" + name + "': choose auto, direct or mesh.");
}

inline Settings settings_of(int order, const std::array<int, 3>& mesh, double smearing,
                            const std::string& deconvolution, bool subtract_self, const std::string& kernel,
                            const std::string& boundary) {
  return {order,
          mesh,
          Kernel::named(kernel, smearing),
          deconvolution_of(deconvolution),
          subtract_self,
          boundary_of(boundary)};
}

/// Rank, order and mesh of a spread or gather by itself.
inline void check_multipoles(int rank, int order, const std::array<int, 3>& mesh) {
  const Settings settings{order, mesh, 1.0};
  check(settings);
  check_size(settings, sizeof(double));
  if (rank < 0 || rank > max_rank || order < lowest_order(rank))
    throw std::invalid_argument("The rank is " + std::to_string(rank) + " and the order " +
                                std::to_string(order) +
                                ": choose a rank from 0 to 3 and an order of at least rank + 2.");
}

}  // namespace hotpp::pme::bindings
