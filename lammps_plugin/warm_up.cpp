// SPDX-License-Identifier: GPL-2.0-or-later
#include "warm_up.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace hotpp {
namespace {

constexpr int kEdge = 4;  // atoms along each edge: enough work for more than one thread
constexpr int kAtoms = kEdge * kEdge * kEdge;
// In cutoffs: 26 neighbours inside the crystal, as many as in a melt with a cutoff of 6 Å.
constexpr double kSpacing = 0.55;

Edges crystal(double cutoff) {
  const auto place = [&](int atom) {
    return std::array<double, 3>{kSpacing * cutoff * (atom / (kEdge * kEdge)),
                                 kSpacing * cutoff * (atom / kEdge % kEdge),
                                 kSpacing * cutoff * (atom % kEdge)};
  };
  Edges edges;
  for (int receiver = 0; receiver < kAtoms; ++receiver)
    for (int sender = 0; sender < kAtoms; ++sender) {
      const auto from = place(sender), to = place(receiver);
      const std::array<double, 3> edge = {from[0] - to[0], from[1] - to[1], from[2] - to[2]};
      if (sender == receiver || std::hypot(edge[0], edge[1], edge[2]) >= cutoff) continue;
      edges.vectors.insert(edges.vectors.end(), edge.begin(), edge.end());
      edges.receivers.push_back(receiver);
      edges.senders.push_back(sender);
      edges.sender_atoms.push_back(sender);
    }
  return edges;
}

}  // namespace

void warm_up(Model& model) {
  const Edges edges = crystal(model.metadata().cutoff);
  std::vector<std::int64_t> species(kAtoms);
  const auto elements = static_cast<int>(model.metadata().elements.size());
  for (int atom = 0; atom < kAtoms; ++atom) species[atom] = atom % elements;
  const std::vector<double> by_charge(kAtoms, 0.1), by_dipole(3 * kAtoms, 0.1);
  model.forward(edges, species, kAtoms, /*exchange=*/0);
  model.backward(by_charge, by_dipole);
}

}  // namespace hotpp
