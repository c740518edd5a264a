// SPDX-License-Identifier: GPL-2.0-or-later
#include "edges.h"

#include <cstddef>

#include "lmptype.h"
#include "neigh_list.h"

namespace hotpp {

void EdgeCandidates::collect(const LAMMPS_NS::NeighList& list, int n_owned, const AtomRows& rows) {
  // LAMMPS may list its atoms in any order, the model wants its receivers ascending.
  std::vector<int> numneigh(n_owned, 0);
  std::vector<const int*> neighbours(n_owned, nullptr);
  for (int k = 0; k < list.inum; ++k) {
    const int i = list.ilist[k];
    numneigh[i] = list.numneigh[i];
    neighbours[i] = list.firstneigh[i];
  }
  first_.clear();
  senders_.clear();
  for (std::int64_t r = 0; r < rows.n_owned; ++r) {
    const int i = rows.atom[r];
    first_.push_back(static_cast<int>(senders_.size()));
    for (int k = 0; k < numneigh[i]; ++k) {
      const int j = neighbours[i][k] & NEIGHMASK;
      if (!rows.is_ignored(j)) senders_.push_back(j);
    }
  }
  first_.push_back(static_cast<int>(senders_.size()));
}

namespace {

// Candidates reach as far as cutoff and skin: a third of the other ranks' rows have no edge. They are left
// out, so that they need not be sent.
void keep_needed_rows(const AtomRows& rows, Edges& edges) {
  edges.needed.assign(rows.n_total() - rows.n_owned, 0);
  for (const std::int64_t s : edges.senders)
    if (s >= rows.n_owned) edges.needed[s - rows.n_owned] = 1;
  edges.species.assign(rows.species.begin(), rows.species.begin() + rows.n_owned);
  std::vector<std::int64_t> place(edges.needed.size());
  for (std::size_t k = 0; k < place.size(); ++k) {
    place[k] = static_cast<std::int64_t>(edges.species.size());
    if (edges.needed[k]) edges.species.push_back(rows.species[rows.n_owned + k]);
  }
  for (std::int64_t& s : edges.senders)
    if (s >= rows.n_owned) s = place[s - rows.n_owned];
}

}  // namespace

void EdgeCandidates::within(const double* const* x, double cutoff, const AtomRows& rows, Edges& edges) const {
  edges.vectors.clear();
  edges.receivers.clear();
  edges.senders.clear();
  edges.sender_atoms.clear();
  const double cutoff_squared = cutoff * cutoff;
  for (std::int64_t r = 0; r < rows.n_owned; ++r) {
    const double* xi = x[rows.atom[r]];
    for (int k = first_[r]; k < first_[r + 1]; ++k) {
      const int j = senders_[k];
      const double dx = x[j][0] - xi[0], dy = x[j][1] - xi[1], dz = x[j][2] - xi[2];
      if (dx * dx + dy * dy + dz * dz >= cutoff_squared) continue;
      edges.vectors.insert(edges.vectors.end(), {dx, dy, dz});
      edges.receivers.push_back(r);
      edges.senders.push_back(rows.row[j]);
      edges.sender_atoms.push_back(j);
    }
  }
  keep_needed_rows(rows, edges);
}

void add_edge_forces(const Edges& edges, const AtomRows& rows, const std::vector<double>& gradients,
                     double unit, double* const* f) {
  for (std::int64_t e = 0; e < edges.size(); ++e) {
    const double* gradient = &gradients[3 * static_cast<std::size_t>(e)];
    double* receiver = f[rows.atom[edges.receivers[e]]];
    double* sender = f[edges.sender_atoms[e]];
    for (int a = 0; a < 3; ++a) {
      receiver[a] += unit * gradient[a];
      sender[a] -= unit * gradient[a];
    }
  }
}

void add_edge_strain(const Edges& edges, const std::vector<double>& gradients, double unit,
                     double strain_derivative[9]) {
  for (std::int64_t e = 0; e < edges.size(); ++e) {
    const double* gradient = &gradients[3 * static_cast<std::size_t>(e)];
    const double* vector = &edges.vectors[3 * static_cast<std::size_t>(e)];
    for (int a = 0; a < 3; ++a)
      for (int b = 0; b < 3; ++b) strain_derivative[3 * a + b] += unit * gradient[a] * vector[b];
  }
}

void add_edge_stress(const Edges& edges, const AtomRows& rows, const std::vector<double>& gradients,
                     double unit, double* const* stress, double* const* centroid) {
  static const int row[9] = {0, 1, 2, 0, 0, 1, 1, 2, 2}, column[9] = {0, 1, 2, 1, 2, 2, 0, 0, 1};
  for (std::int64_t e = 0; e < edges.size(); ++e) {
    const double* gradient = &gradients[3 * static_cast<std::size_t>(e)];
    const double* vector = &edges.vectors[3 * static_cast<std::size_t>(e)];
    const int receiver = rows.atom[edges.receivers[e]], sender = edges.sender_atoms[e];
    for (int k = 0; k < 9; ++k) {
      const double virial = -unit * vector[row[k]] * gradient[column[k]];
      if (centroid) centroid[sender][k] += virial;
      if (stress && k < 6) {
        const double transposed = -unit * vector[column[k]] * gradient[row[k]];
        stress[receiver][k] += 0.25 * (virial + transposed);
        stress[sender][k] += 0.25 * (virial + transposed);
      }
    }
  }
}

}  // namespace hotpp
