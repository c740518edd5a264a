// SPDX-License-Identifier: GPL-2.0-or-later
// Where the time of a step goes: printed after every run when the environment variable HOTPP_PROFILE is 1.
#pragma once

#include <mpi.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "pme/mpi/traffic.h"

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

  // What the mesh of this rank has sent in an evaluation.
  void count_mesh(const pme::Messages& sent) {
    mesh_.messages += sent.messages;
    mesh_.bytes += sent.bytes;
  }

  // Collective: a table with mean and maximum over the ranks, the same text on all of them. ghosts: rows that
  // this rank has sent. Starts over.
  std::string report(MPI_Comm, const pme::Messages& ghosts);

 private:
  std::array<double, kSections> seconds_{};
  pme::Messages mesh_;
};

}  // namespace hotpp
