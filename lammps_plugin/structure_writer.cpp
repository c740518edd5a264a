// SPDX-License-Identifier: GPL-2.0-or-later
#include "structure_writer.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <numeric>

namespace hotpp {
namespace {

// [n of all ranks, columns] on rank 0
std::vector<double> gather(const std::vector<double>& mine, MPI_Comm world) {
  int ranks = 1, count = static_cast<int>(mine.size());
  MPI_Comm_size(world, &ranks);
  std::vector<int> counts(ranks), offsets(ranks, 0);
  MPI_Gather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, world);
  std::partial_sum(counts.begin(), counts.end() - 1, offsets.begin() + 1);
  std::vector<double> all(static_cast<std::size_t>(offsets.back()) + counts.back());
  MPI_Gatherv(mine.data(), count, MPI_DOUBLE, all.data(), counts.data(), offsets.data(), MPI_DOUBLE, 0,
              world);
  return all;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, " %.10g", value);
  return text;
}

}  // namespace

std::string extended_xyz(const Structure& structure, const std::vector<std::string>& symbols,
                         const std::string& comment, MPI_Comm world) {
  constexpr std::size_t kColumns = 5;  // tag, element, x, y, z
  std::vector<double> mine;
  for (std::size_t i = 0; i < structure.elements.size(); ++i) {
    mine.push_back(static_cast<double>(structure.tags[i]));
    mine.push_back(structure.elements[i]);
    for (std::size_t a = 0; a < 3; ++a) mine.push_back(structure.positions[3 * i + a]);
  }
  const auto all = gather(mine, world);
  int me = 0;
  MPI_Comm_rank(world, &me);
  if (me != 0) return "";

  std::vector<std::size_t> order(all.size() / kColumns);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return all[kColumns * a] < all[kColumns * b]; });
  std::string text = std::to_string(order.size()) + "\nLattice=\"";
  for (int k = 0; k < 9; ++k) text += number(structure.cell[k]).substr(k == 0 ? 1 : 0);
  text += "\" Properties=species:S:1:pos:R:3 pbc=\"";
  for (int k = 0; k < 3; ++k) text += std::string(k ? " " : "") + (structure.periodic[k] ? "T" : "F");
  text += "\" " + comment + "\n";
  for (const std::size_t i : order) {
    text += symbols[static_cast<std::size_t>(all[kColumns * i + 1])];
    for (std::size_t a = 2; a < kColumns; ++a) text += number(all[kColumns * i + a]);
    text += "\n";
  }
  return text;
}

}  // namespace hotpp
