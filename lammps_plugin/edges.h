// SPDX-License-Identifier: GPL-2.0-or-later
// Directed edges between atoms closer than the cutoff, and what becomes of the energy's derivatives along
// them.
#pragma once

#include <cstdint>
#include <vector>

#include "atom_rows.h"

namespace LAMMPS_NS {
class NeighList;
}

namespace hotpp {

// Sorted by receiver; reused from step to step so that nothing is allocated while atoms move.
struct Edges {
  std::vector<double> vectors;          // [n, 3] r_sender - r_receiver, Å
  std::vector<std::int64_t> receivers;  // [n] row of an owned atom
  std::vector<std::int64_t> senders;  // [n] row of an owned atom, or of one of another rank that has an edge
  std::vector<int> sender_atoms;      // [n] owned or ghost atom that gets the force
  std::vector<std::int64_t> species;  // [n_rows] of the model
  std::vector<char> needed;           // [n_remote] whether that row of AtomRows has an edge

  std::int64_t size() const { return static_cast<std::int64_t>(receivers.size()); }
};

// Pairs of a neighbour list, in the order in which the model wants its edges. They last until the list is
// built anew; every step takes those that are closer than the cutoff.
class EdgeCandidates {
 public:
  // list: a full neighbour list; rows: those of the owned atoms are known
  void collect(const LAMMPS_NS::NeighList& list, int n_owned, const AtomRows& rows);
  // x [n_owned + n_ghost][3]
  void within(const double* const* x, double cutoff, const AtomRows& rows, Edges& edges) const;

  const std::vector<int>& first() const { return first_; }
  const std::vector<int>& senders() const { return senders_; }

 private:
  std::vector<int> first_;    // [n_rows + 1] where the candidates of each receiver start
  std::vector<int> senders_;  // atoms
};

// gradients [n, 3] = ∂E/∂vectors, times `unit`. Adds the forces to both ends f [n_owned + n_ghost][3].
void add_edge_forces(const Edges& edges, const AtomRows& rows, const std::vector<double>& gradients,
                     double unit, double* const* f);

// Adds Σ unit ∂E/∂v_a v_b to strain_derivative[3a + b].
void add_edge_strain(const Edges& edges, const std::vector<double>& gradients, double unit,
                     double strain_derivative[9]);

// Adds the virial -v_a ∂E/∂v_b of each edge to atoms. stress [.][6]: xx yy zz xy xz yz, symmetric, half to
// each end. centroid [.][9]: xx yy zz xy xz yz yx zx zy, all of it to the sender: Σ_i W_i v_i is then the
// potential part of the heat flux when an atom's energy depends on its own edges. Null: not wanted.
void add_edge_stress(const Edges& edges, const AtomRows& rows, const std::vector<double>& gradients,
                     double unit, double* const* stress, double* const* centroid);

}  // namespace hotpp
