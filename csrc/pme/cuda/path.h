// SPDX-License-Identifier: GPL-2.0-or-later
// Which way the atoms go to the mesh and back. All ways give the same result.
#pragma once

#include <stdexcept>
#include <string>

#include "pme/cuda/layout.h"

namespace hotpp::pme::cuda {

enum class Path {
  Automatic,
  Direct,  ///< atoms in the caller's order, mesh in global memory: fewest kernels
  Sorted,  ///< atoms in the order of tiles, mesh in global memory
  Tiles,   ///< atoms in the order of tiles, a tile at a time in shared memory (float32 only)
};

inline Path path_of(const std::string& name) {
  if (name == "auto") return Path::Automatic;
  if (name == "direct") return Path::Direct;
  if (name == "sorted") return Path::Sorted;
  if (name == "tiles") return Path::Tiles;
  throw std::invalid_argument("The path is '" + name + "': choose auto, direct, sorted or tiles.");
}

/// Rules from counted memory accesses, not yet measured: sorting costs two kernels, which small systems do
/// not earn back; a tile costs two passes over its window, which few atoms do not.
inline Path choose_path(Path wanted, const Layout& layout, int n, bool single) {
  if (wanted != Path::Automatic) return wanted == Path::Tiles && !single ? Path::Sorted : wanted;
  constexpr int few_atoms = 16384, few_tiles = 512;
  if (n < few_atoms) return Path::Direct;
  const double points = static_cast<double>(n) * layout.order * layout.order * layout.order;
  double windows = layout.tile_count();  // points of all windows
  for (int d = 0; d < 3; ++d) windows *= Layout::tile(d) + layout.order - 1;
  return single && layout.tile_count() >= few_tiles && points > 2.0 * windows ? Path::Tiles : Path::Sorted;
}

}  // namespace hotpp::pme::cuda
