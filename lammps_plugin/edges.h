// SPDX-License-Identifier: GPL-2.0-or-later
// Directed edges between atoms closer than the cutoff, and what becomes of the energy's derivatives along
// them.
#pragma once

#include <cstdint>
#include <vector>

namespace LAMMPS_NS {
class NeighList;
}

namespace hotpp {

// Sorted by receiver; reused from step to step so that nothing is allocated while atoms move.
struct Edges {
  std::vector<double> vectors;          // [n, 3] r_sender - r_receiver, Å
  std::vector<std::int64_t> receivers;  // [n] owned atom
  std::vector<std::int64_t> senders;    // [n] row of the model's features
  std::vector<int> sender_atoms;        // [n] owned or ghost atom that gets the force

  std::int64_t size() const { return static_cast<std::int64_t>(receivers.size()); }
};

// list: a full neighbour list (its skin is filtered out); x [n_owned + n_ghost][3];
// row [n_owned + n_ghost]: the feature row of every atom
void collect_edges(const LAMMPS_NS::NeighList& list, int n_owned, const double* const* x,
                   const std::vector<std::int64_t>& row, double cutoff, Edges& edges);

// gradients [n, 3] = ∂E/∂vectors. Adds the forces to both ends, and Σ ∂E/∂v_a v_b to strain_derivative[3a +
// b].
void add_edge_forces(const Edges& edges, const std::vector<double>& gradients, double unit, double** f,
                     double strain_derivative[9]);

}  // namespace hotpp
