// SPDX-License-Identifier: GPL-2.0-or-later
// Where the time of a step goes: printed after every run when the environment variable HOTPP_PROFILE is 1.
#pragma once

#include <mpi.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

namespace hotpp {

class Profile {
 public:
  // Ghosts is part of Forward and Backward.
  enum Section { Edges, Forward, Mesh, Backward, Tally, Ghosts, kSections };

  // Adds the time from its creation to its end to a section.
  class Timer {
   public:
    Timer(Profile& profile, Section section) : profile_(profile), section_(section) {
      if (profile_.on) start_ = Clock::now();
    }
    ~Timer() {
      if (profile_.on)
        profile_.seconds_[section_] += std::chrono::duration<double>(Clock::now() - start_).count();
    }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

   private:
    using Clock = std::chrono::steady_clock;
    Profile& profile_;
    Section section_;
    Clock::time_point start_;
  };

  Profile();
  bool on = false;
  std::int64_t steps = 0;
  std::int64_t edges = 0;  // summed over the steps

  // Collective: a table with mean and maximum over the ranks, the same text on all of them. bytes and
  // exchanges of ghost rows that this rank has packed. Starts over.
  std::string report(MPI_Comm, std::int64_t bytes, std::int64_t exchanges);

 private:
  std::array<double, kSections> seconds_{};
};

}  // namespace hotpp
