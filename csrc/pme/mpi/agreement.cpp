// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/agreement.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <stdexcept>

#include "pme/inputs.h"

namespace hotpp::pme {
namespace {

std::uint64_t settings_hash(const Settings& s, int rows, int columns) {
  const double values[] = {double(s.order),       double(s.mesh[0]),       double(s.mesh[1]),
                           double(s.mesh[2]),     double(s.deconvolution), double(s.subtract_self),
                           double(s.kernel.kind), s.kernel.smearing,       s.kernel.tail,
                           s.kernel.truncation,   double(s.boundary),      double(rows),
                           double(columns)};
  return hash_of(values, static_cast<int>(std::size(values)));
}

}  // namespace

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

Layout agreed_layout(const Communicator& comm, const Settings& settings, int lanes, int rows, int columns) {
  Layout layout;
  Announcement mine;
  std::string error;
  mine.common = settings_hash(settings, rows, columns);
  try {
    check(settings);
    check_points(settings.mesh);
    const auto [k1, k2, k3] = settings.mesh;
    if (static_cast<double>(k1) * k2 * (k3 + 2) > 2147483647.0)
      throw std::invalid_argument("The mesh has " + std::to_string(k1) + " x " + std::to_string(k2) + " x " +
                                  std::to_string(k3) +
                                  " points: more than 2^31 do not fit into one message; use a coarser mesh.");
    layout = choose_layout(settings.mesh, lanes, settings.order, comm.size(), rows, columns);
  } catch (const std::exception& e) {
    mine.failed = true;
    error = e.what();
  }
  std::vector<Announcement> all;
  announce(comm, mine, error, "mesh settings", &all);
  return layout;
}

}  // namespace hotpp::pme
