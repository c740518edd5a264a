// SPDX-License-Identifier: GPL-2.0-or-later
// Number of threads, and how the planes of the mesh are shared out among them.
#pragma once

#include <vector>

#include "pme/cpu/sorted_atoms.h"

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

/// Limits of one range of planes per thread with about equal numbers of atoms; [0, ..., K1], some may be
/// empty.
template <class Real>
std::vector<int> balanced_planes(const SortedAtoms<Real>& atoms, int planes) {
  const int threads = max_threads();
  std::vector<int> begin{0};
  for (int t = 1; t < threads; ++t) {
    int x = begin.back();
    while (x < planes && atoms.plane_begin(x) * threads < atoms.size() * t) ++x;
    begin.push_back(x);
  }
  begin.push_back(planes);
  return begin;
}

}  // namespace hotpp::pme
