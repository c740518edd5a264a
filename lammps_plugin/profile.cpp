// SPDX-License-Identifier: GPL-2.0-or-later
#include "profile.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace hotpp {

Profile::Profile() {
  const char* wish = std::getenv("HOTPP_PROFILE");
  on = wish && *wish && *wish != '0';
}

std::string Profile::report(MPI_Comm world, std::int64_t bytes, std::int64_t exchanges) {
  static const char* const names[kSections] = {"edges",
                                               "network forward",
                                               "mesh",
                                               "network backward",
                                               "forces and outputs",
                                               "  of which ghost exchange"};
  constexpr int kRows = kSections + 2;  // and edges and bytes per step
  int ranks = 1;
  MPI_Comm_size(world, &ranks);
  const double n = static_cast<double>(std::max<std::int64_t>(steps, 1));
  std::array<double, kRows> mine{}, sum{}, most{};
  for (int k = 0; k < kSections; ++k) mine[k] = 1e3 * seconds_[k] / n;
  mine[kSections] = static_cast<double>(edges) / n;
  mine[kSections + 1] = static_cast<double>(bytes) / n;
  MPI_Allreduce(mine.data(), sum.data(), kRows, MPI_DOUBLE, MPI_SUM, world);
  MPI_Allreduce(mine.data(), most.data(), kRows, MPI_DOUBLE, MPI_MAX, world);

  char line[160];
  std::snprintf(line, sizeof line,
                "hotpp/lr, milliseconds per step over %lld steps: mean and maximum of %d rank(s)\n",
                static_cast<long long>(steps), ranks);
  std::string text = line;
  for (int k = 0; k < kSections; ++k) {
    std::snprintf(line, sizeof line, "  %-26s %10.3f %10.3f\n", names[k], sum[k] / ranks, most[k]);
    text += line;
  }
  std::snprintf(
      line, sizeof line,
      "  edges per rank %.0f (maximum %.0f), ghost rows %.0f bytes (maximum %.0f) in %.1f exchanges\n",
      sum[kSections] / ranks, most[kSections], sum[kSections + 1] / ranks, most[kSections + 1],
      static_cast<double>(exchanges) / n);
  text += line;
  seconds_.fill(0);
  steps = edges = 0;
  return text;
}

}  // namespace hotpp
