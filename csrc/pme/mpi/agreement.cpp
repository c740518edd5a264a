// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/agreement.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace hotpp::pme {

std::uint64_t hash_of(const double* values, int size, std::uint64_t hash) {
  for (int k = 0; k < size; ++k) {
    unsigned char bytes[sizeof(double)];
    std::memcpy(bytes, values + k, sizeof(double));
    for (unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211ull;
  }
  return hash;
}

void announce(const Communicator& comm, const Announcement& mine, const std::string& error,
              const char* common_name, std::vector<Announcement>* all) {
  all->resize(comm.size());
  MPI_Allgather(&mine, sizeof(mine), MPI_BYTE, all->data(), sizeof(mine), MPI_BYTE, comm.get());
  for (int rank = 0; rank < comm.size(); ++rank) {
    if (!(*all)[rank].failed) continue;
    char text[1024] = {};
    std::strncpy(text, error.c_str(), sizeof(text) - 1);
    MPI_Bcast(text, sizeof(text), MPI_CHAR, rank, comm.get());
    throw std::invalid_argument(comm.size() == 1 ? std::string(text)
                                                 : "On rank " + std::to_string(rank) + ": " + text);
  }
  for (int rank = 1; rank < comm.size(); ++rank)
    if ((*all)[rank].common != all->front().common)
      throw std::invalid_argument(std::string("The ") + common_name + " of rank " + std::to_string(rank) +
                                  " differs from that of rank 0: give the same on all ranks of a distributed "
                                  "plan, to the last bit.");
}

}  // namespace hotpp::pme
