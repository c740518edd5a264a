// SPDX-License-Identifier: GPL-2.0-or-later
// The ranks that share a node with this one.
#pragma once

#include <mpi.h>

#include <algorithm>
#include <vector>

namespace hotpp {

class NodeRanks {
 public:
  // Collective, as all its functions.
  explicit NodeRanks(MPI_Comm world) {
    MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node_);
    MPI_Comm_rank(node_, &rank_);
    MPI_Comm_size(node_, &size_);
  }
  ~NodeRanks() { MPI_Comm_free(&node_); }
  NodeRanks(const NodeRanks&) = delete;
  NodeRanks& operator=(const NodeRanks&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  // How many of them give the same value as this one.
  int alike(int value) const {
    std::vector<int> all(size_);
    MPI_Allgather(&value, 1, MPI_INT, all.data(), 1, MPI_INT, node_);
    return static_cast<int>(std::count(all.begin(), all.end(), value));
  }

 private:
  int rank_ = 0, size_ = 1;
  MPI_Comm node_;
};

}  // namespace hotpp
