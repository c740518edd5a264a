// SPDX-License-Identifier: GPL-2.0-or-later
// Rows of numbers between owned atoms and their images on this and other ranks, through the communication of
// LAMMPS.
//
// LAMMPS calls back to pack and unpack, with buffers of at most `width` float64 per atom. Wider rows travel
// in several pieces; float32 rows travel two numbers to a float64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace hotpp {

class GhostTransport {
 public:
  using Exchange = std::function<void(int width)>;

  // Room that LAMMPS has in its buffers, float64 per atom.
  int width = 1;
  // Collective: they make LAMMPS call the pack and unpack functions below. `width` float64 per atom.
  Exchange forward, reverse;

  // row [n_owned + n_ghost]: row of each atom in `rows`, negative for atoms that have none.
  // rows [n_rows, columns]: those of ghost atoms become those of their owners.
  template <class Real>
  void fill_ghosts(const std::vector<int>& row, Real* rows, std::int64_t columns);
  // rows of ghost atoms are added to those of their owners, and are of no use afterwards.
  template <class Real>
  void sum_ghosts(const std::vector<int>& row, Real* rows, std::int64_t columns);

  int pack_forward(int n, const int* atoms, double* buffer);
  void unpack_forward(int n, int first, const double* buffer);
  int pack_reverse(int n, int first, double* buffer);
  void unpack_reverse(int n, const int* atoms, const double* buffer);

  // Remembers which of the n atoms the exchanges forward ask for, until it is called again.
  void watch_packing(std::size_t n) { packed_.assign(n, 0); }
  bool was_packed(int atom) const { return packed_[atom] != 0; }

  // What this rank has packed so far, images of its own atoms included.
  std::int64_t bytes = 0;
  std::int64_t exchanges = 0;

 private:
  template <class Real>
  void in_pieces(const std::vector<int>& row, Real* rows, std::int64_t columns, const Exchange&);
  void copy_out(int atom, double* to) const;
  template <class Real>
  void add(int atom, const double* from);

  std::vector<char> packed_;  // by atom; empty: not watched

  // The piece that is travelling.
  const std::vector<int>* row_ = nullptr;
  char* data_ = nullptr;
  std::size_t stride_ = 0;  // bytes from row to row
  std::size_t size_ = 0;    // bytes of the piece in each row
  int doubles_ = 0;         // float64 that hold a piece
  bool single_ = false;
};

}  // namespace hotpp
