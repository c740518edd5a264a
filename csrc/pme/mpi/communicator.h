// SPDX-License-Identifier: GPL-2.0-or-later
// A communicator of our own (messages of the caller cannot meet ours), freed with its owner, and the MPI type
// of a C++ type.
#pragma once

#include <mpi.h>

#include <cstdint>

namespace hotpp::pme {

class Communicator {
 public:
  Communicator() = default;
  /// Collective: a duplicate of the caller's.
  explicit Communicator(MPI_Comm parent) {
    MPI_Comm_dup(parent, &comm_);
    learn();
  }
  /// Collective over `parent`: those who give the same colour; colour < 0: none.
  Communicator(const Communicator& parent, int colour, int key) {
    MPI_Comm_split(parent.comm_, colour < 0 ? MPI_UNDEFINED : colour, key, &comm_);
    learn();
  }
  ~Communicator() {
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (comm_ != MPI_COMM_NULL && !finalized) MPI_Comm_free(&comm_);
  }
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  MPI_Comm get() const { return comm_; }
  bool member() const { return comm_ != MPI_COMM_NULL; }
  int rank() const { return rank_; }
  int size() const { return size_; }

 private:
  void learn() {
    if (comm_ == MPI_COMM_NULL) return;
    // A host may have made errors return codes; ours are not checked one by one, so they must end the run.
    MPI_Comm_set_errhandler(comm_, MPI_ERRORS_ARE_FATAL);
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
  }
  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
};

inline MPI_Datatype mpi_type(float) { return MPI_FLOAT; }
inline MPI_Datatype mpi_type(double) { return MPI_DOUBLE; }
inline MPI_Datatype mpi_type(std::int32_t) { return MPI_INT32_T; }
inline MPI_Datatype mpi_type(std::int64_t) { return MPI_INT64_T; }

}  // namespace hotpp::pme
