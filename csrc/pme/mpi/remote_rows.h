// SPDX-License-Identifier: GPL-2.0-or-later
// Rows of numbers of atoms, between the ranks that own them and the ranks whose edges need them.
//
// Each distinct row travels once to each rank that asks for it, straight from its owner. The communication of
// an engine sends one row for every periodic image, images of a rank's own atoms included, through six swaps
// that wait for each other. Nothing of the mesh is in here; it lives where _pme_mpi and the sanitizers reach
// it without torch and LAMMPS.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pme/mpi/communicator.h"
#include "pme/mpi/traffic.h"

namespace hotpp::pme {

struct RowOwner {
  int rank = -1;
  int row = -1;  ///< among the rows that `rank` owns; -1: the atom has none
  bool operator==(const RowOwner& other) const { return rank == other.rank && row == other.row; }
  bool operator<(const RowOwner& other) const {
    return rank != other.rank ? rank < other.rank : row < other.row;
  }
};

class RemoteRows {
 public:
  /// Collective.
  explicit RemoteRows(MPI_Comm world) : comm_(world) {}

  /// Collective, whenever rows or wishes change: rows of other ranks that this one needs, ascending, none
  /// twice.
  void request(const std::vector<RowOwner>& wanted);

  /// Collective among ranks that asked each other, until the next request: only those of the wanted rows that
  /// are needed now travel. needed [size of wanted]
  void select(const std::vector<char>& needed);

  /// Rows that arrive, in the order of `wanted`.
  std::int64_t n_remote() const { return n_remote_; }
  /// Own rows that others have asked for: those of rank 0 first, and so on. A row that several ranks need is
  /// here several times.
  const std::vector<int>& border() const { return border_; }

  /// border [n_border] -> remote [n_remote], rows of `row_bytes`. Both belong to the messages until finish().
  /// Only ranks that send each other rows wait for each other.
  void start_fill(const void* border, void* remote, std::size_t row_bytes);
  /// The way back, for sums: remote [n_remote] -> border [n_border].
  void start_return(const void* remote, void* border, std::size_t row_bytes);
  void finish();

  /// To other ranks, requests included, since the last forget_sent().
  const Messages& sent() const { return sent_; }
  void forget_sent() { sent_ = {}; }

 private:
  /// Consecutive rows that are exchanged with one rank.
  struct Part {
    int rank;
    std::int64_t begin;
    int size;
  };
  using Parts = std::vector<Part>;
  static Parts parts(const std::vector<int>& counts);
  static Parts chosen(const Parts&, const std::vector<char>& needed);
  void start(const Parts& to, const void* send, const Parts& from, void* receive, std::size_t row_bytes,
             int tag);

  Communicator comm_;
  // Of the last request, and what of it travels now.
  Parts all_owners_, owners_;    ///< of the remote rows
  Parts all_readers_, readers_;  ///< of the border rows
  std::vector<int> all_border_, border_;
  std::int64_t n_remote_ = 0;
  std::vector<MPI_Request> requests_;
  Messages sent_;
};

}  // namespace hotpp::pme
