// SPDX-License-Identifier: GPL-2.0-or-later
// A structure as one frame of extended xyz.
#pragma once

#include <mpi.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace hotpp {

struct Structure {
  std::vector<double> positions;   // [n, 3] Å, of this rank
  std::vector<int> elements;       // [n] index into `symbols`
  std::vector<std::int64_t> tags;  // [n] the frame is sorted by them
  std::array<double, 9> cell{};    // rows a, b, c
  std::array<bool, 3> periodic{};
};

// Collective. The frame on rank 0, an empty text on others. comment: further key=value pairs.
std::string extended_xyz(const Structure&, const std::vector<std::string>& symbols,
                         const std::string& comment, MPI_Comm);

}  // namespace hotpp
