// SPDX-License-Identifier: GPL-2.0-or-later
// Whether this library fits the program that has opened it.
#pragma once

#include <string>

namespace hotpp {

// Empty if LAMMPS has the version, the sizes of integers and the kind of MPI for which this library was
// compiled; otherwise one sentence. `lammps` is asked through LAMMPS's C interface only: the members of its
// classes lie elsewhere in another version.
std::string host_problem(void* lammps);

// The first of these.
bool is_our_version(void* lammps);

// Stops LAMMPS with the sentence, on all ranks.
[[noreturn]] void stop(void* lammps, const std::string& sentence);

}  // namespace hotpp
