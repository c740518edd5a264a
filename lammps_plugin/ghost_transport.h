// SPDX-License-Identifier: GPL-2.0-or-later
// A few numbers per atom between owned atoms and all their images, through the communication of LAMMPS: for
// what is needed before owners are known (AtomRows), and for forces, which every image has its own of.
//
// LAMMPS calls back to pack and unpack.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace hotpp {

class GhostTransport {
 public:
  using Exchange = std::function<void(int columns)>;

  // Collective: they make LAMMPS call the pack and unpack functions below, `columns` numbers per atom.
  Exchange forward, reverse;

  // values [n_owned + n_ghost, columns]: those of ghosts become those of their owners.
  void fill_ghosts(double* values, int columns);
  // Those of ghosts are added to those of their owners, and are of no use afterwards.
  void sum_ghosts(double* values, int columns);

  int pack_forward(int n, const int* atoms, double* buffer) const;
  void unpack_forward(int n, int first, const double* buffer);
  int pack_reverse(int n, int first, double* buffer) const;
  void unpack_reverse(int n, const int* atoms, const double* buffer);

 private:
  void run(const Exchange&, double* values, int columns);
  double* of(int atom) const { return values_ + static_cast<std::size_t>(columns_) * atom; }

  // What is travelling.
  double* values_ = nullptr;
  int columns_ = 0;
};

}  // namespace hotpp
