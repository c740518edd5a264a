// SPDX-License-Identifier: GPL-2.0-or-later
// Number of threads, and how the planes of the mesh are shared out among them.
#pragma once

#include <cstdint>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace hotpp::pme {

inline int max_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

inline int team_size() {
#ifdef _OPENMP
  return omp_get_num_threads();
#else
  return 1;
#endif
}

inline int team_rank() {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/// [begin, end) of `count` things for part `part` of `parts`: the same things for the same thread in every
/// step.
struct Share {
  std::int64_t begin, end;
  Share(std::int64_t count, int part, int parts)
      : begin(count * part / parts), end(count * (part + 1) / parts) {}
};

/// First plane of part `part` of `parts` with about equal numbers of atoms and planes; 0 for part 0, K1 for
/// part `parts`. A plane costs as much as some atoms, so that empty regions are shared out as well.
template <class Atoms>
int balanced_plane(const Atoms& atoms, int planes, double atoms_per_plane, int part, int parts) {
  const double total = atoms.size() + atoms_per_plane * planes;
  int low = 0, high = planes;  // the first x with enough work before it
  while (low < high) {
    const int x = (low + high) / 2;
    if ((atoms.plane_begin(x) + atoms_per_plane * x) * parts < total * part)
      low = x + 1;
    else
      high = x;
  }
  return part >= parts ? planes : low;
}

}  // namespace hotpp::pme
