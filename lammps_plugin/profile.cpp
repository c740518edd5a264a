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

std::string Profile::report(MPI_Comm world, const pme::Messages& ghosts) {
  struct Row {
    const char* name;
    double value;  // per step
    int decimals;
  };
  const double n = static_cast<double>(std::max<std::int64_t>(steps, 1));
  const auto ms = [&](Section section) { return 1e3 * seconds_[section] / n; };
  const auto mean = [&](std::int64_t count) { return static_cast<double>(count) / n; };
  const Row rows[] = {{"edges", ms(Edges), 3},
                      {"network forward", ms(Forward), 3},
                      {"mesh", ms(Mesh), 3},
                      {"network backward", ms(Backward), 3},
                      {"forces and outputs", ms(Tally), 3},
                      {"  of which ghost exchange", ms(Ghosts), 3},
                      {"number of edges", mean(edges), 0},
                      {"bytes of ghost rows", mean(ghosts.bytes), 0},
                      {"  in messages", mean(ghosts.messages), 1},
                      {"bytes of the mesh", mean(mesh_.bytes), 0},
                      {"  in messages", mean(mesh_.messages), 1}};
  constexpr int kRows = sizeof rows / sizeof *rows;
  int ranks = 1;
  MPI_Comm_size(world, &ranks);
  std::array<double, kRows> mine{}, sum{}, most{};
  for (int k = 0; k < kRows; ++k) mine[k] = rows[k].value;
  MPI_Allreduce(mine.data(), sum.data(), kRows, MPI_DOUBLE, MPI_SUM, world);
  MPI_Allreduce(mine.data(), most.data(), kRows, MPI_DOUBLE, MPI_MAX, world);

  char line[160];
  std::snprintf(line, sizeof line,
                "hotpp/lr, milliseconds per step over %lld steps: mean and maximum of %d rank(s)\n",
                static_cast<long long>(steps), ranks);
  std::string text = line;
  for (int k = 0; k < kRows; ++k) {
    std::snprintf(line, sizeof line, "  %-26s %12.*f %12.*f\n", rows[k].name, rows[k].decimals,
                  sum[k] / ranks, rows[k].decimals, most[k]);
    text += line;
  }
  seconds_.fill(0);
  steps = edges = 0;
  mesh_ = {};
  return text;
}

}  // namespace hotpp
