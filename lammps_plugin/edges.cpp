// SPDX-License-Identifier: GPL-2.0-or-later
#include "edges.h"

#include <cstddef>

#include "lmptype.h"
#include "neigh_list.h"

namespace hotpp {

void collect_edges(const LAMMPS_NS::NeighList& list, int n_owned, const double* const* x,
                   const std::vector<std::int64_t>& row, double cutoff, Edges& edges) {
  edges.vectors.clear();
  edges.receivers.clear();
  edges.senders.clear();
  edges.sender_atoms.clear();

  // LAMMPS may list its atoms in any order, the model wants its receivers ascending.
  std::vector<int> numneigh(n_owned, 0);
  std::vector<const int*> neighbours(n_owned, nullptr);
  for (int k = 0; k < list.inum; ++k) {
    const int i = list.ilist[k];
    numneigh[i] = list.numneigh[i];
    neighbours[i] = list.firstneigh[i];
  }

  const double cutoff_squared = cutoff * cutoff;
  for (int i = 0; i < n_owned; ++i) {
    for (int k = 0; k < numneigh[i]; ++k) {
      const int j = neighbours[i][k] & NEIGHMASK;
      const double dx = x[j][0] - x[i][0], dy = x[j][1] - x[i][1], dz = x[j][2] - x[i][2];
      if (dx * dx + dy * dy + dz * dz >= cutoff_squared) continue;
      edges.vectors.insert(edges.vectors.end(), {dx, dy, dz});
      edges.receivers.push_back(i);
      edges.senders.push_back(row[j]);
      edges.sender_atoms.push_back(j);
    }
  }
}

void add_edge_forces(const Edges& edges, const std::vector<double>& gradients, double unit, double** f,
                     double strain_derivative[9]) {
  for (std::int64_t e = 0; e < edges.size(); ++e) {
    const double* gradient = &gradients[3 * static_cast<std::size_t>(e)];
    const double* vector = &edges.vectors[3 * static_cast<std::size_t>(e)];
    double* receiver = f[edges.receivers[e]];
    double* sender = f[edges.sender_atoms[e]];
    for (int a = 0; a < 3; ++a) {
      receiver[a] += unit * gradient[a];
      sender[a] -= unit * gradient[a];
      for (int b = 0; b < 3; ++b) strain_derivative[3 * a + b] += gradient[a] * vector[b];
    }
  }
}

}  // namespace hotpp
