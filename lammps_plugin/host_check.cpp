// SPDX-License-Identifier: GPL-2.0-or-later
#include "host_check.h"

#include <dlfcn.h>
#include <mpi.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "exceptions.h"
#include "library.h"
#include "lmptype.h"

namespace hotpp {
namespace {

constexpr const char* kAgain =
    "install hotpp-lr again beside this LAMMPS (pip install --no-build-isolation --force-reinstall "
    "--no-deps), "
    "for a LAMMPS of your own with -C cmake.define.LAMMPS_SOURCE_DIR=<its source tree>";

// Looked up when they are wanted, not when the library is opened: a function that this LAMMPS lacks would
// make LAMMPS refuse the whole library with nothing but the function's name.
template <class Function>
Function* find(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

#if defined(OPEN_MPI)
constexpr bool kOpenMpi = true;
#else
constexpr bool kOpenMpi = false;  // MPICH and those that share its binary interface (Intel, Cray, MVAPICH)
#endif

const char* kind_of_mpi(bool open_mpi) { return open_mpi ? "Open MPI" : "MPICH or one compatible with it"; }

int version_of(void* lammps) {
  const auto version = find<decltype(lammps_version)>("lammps_version");
  return version ? version(lammps) : 0;
}

std::string version_problem(void* lammps) {
  if (is_our_version(lammps)) return "";
  const int found = version_of(lammps);
  return "was built for LAMMPS version " + std::to_string(HOTPP_LAMMPS_VERSION) + ", but this is version " +
         (found ? std::to_string(found) : "unknown") + ": " + kAgain;
}

std::string integer_problem(void* lammps) {
  const auto setting = find<decltype(lammps_extract_setting)>("lammps_extract_setting");
  struct Integer {
    const char* name;
    int size;
  };
  const std::array<Integer, 3> integers = {Integer{"bigint", sizeof(LAMMPS_NS::bigint)},
                                           Integer{"tagint", sizeof(LAMMPS_NS::tagint)},
                                           Integer{"imageint", sizeof(LAMMPS_NS::imageint)}};
  for (const auto& integer : integers) {
    const int found = setting(lammps, integer.name);
    if (found != integer.size)
      return std::string("was built for a LAMMPS with ") + integer.name + " of " +
             std::to_string(8 * integer.size) + " bits, but this one has " + std::to_string(8 * found) +
             " bits (SMALLBIG or BIGBIG): build it with -C cmake.define.LAMMPS_DEFINITIONS=LAMMPS_" +
             (sizeof(LAMMPS_NS::tagint) == 8 ? "SMALLBIG" : "BIGBIG");
  }
  return "";
}

std::string mpi_problem() {
  const auto library_version = find<decltype(MPI_Get_library_version)>("MPI_Get_library_version");
  if (!library_version)
    return "needs a LAMMPS with MPI, also on one rank, but this one was built without it (serial): build "
           "LAMMPS "
           "with -D BUILD_MPI=on";
  std::array<char, 16384> text{};  // longer than any MPI asks for
  int length = 0;
  library_version(text.data(), &length);
  const bool open_mpi = std::string(text.data()).find("Open MPI") != std::string::npos;
  if (open_mpi == kOpenMpi) return "";
  return std::string("was built for ") + kind_of_mpi(kOpenMpi) + ", but this LAMMPS uses " +
         kind_of_mpi(open_mpi) + ": " + kAgain;
}

}  // namespace

bool is_our_version(void* lammps) { return version_of(lammps) == HOTPP_LAMMPS_VERSION; }

std::string host_problem(void* lammps) {
  std::string problem = version_problem(lammps);
  if (problem.empty()) problem = integer_problem(lammps);
  if (problem.empty()) problem = mpi_problem();
  return problem;
}

void stop(void* lammps, const std::string& sentence) {
  const std::string text = "Pair style hotpp/lr " + sentence;
  if (const auto error = find<decltype(lammps_error)>("lammps_error")) {
    error(lammps, LMP_ERROR_ALL | LMP_ERROR_WORLD, text.c_str());  // says it and returns
    throw LAMMPS_NS::LAMMPSException(text);
  }
  std::fprintf(stderr, "ERROR: %s\n", text.c_str());  // a LAMMPS of before 2022
  std::abort();
}

}  // namespace hotpp
