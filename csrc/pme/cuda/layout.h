// SPDX-License-Identifier: GPL-2.0-or-later
// Layout of the mesh in device memory, and its division into tiles.
//
// x slowest, z fastest; a row holds K3 points and the padding that the in-place transform needs, so that
// fixed-point charges, real charges, spectrum and potential follow each other in the same memory. A tile is a
// brick of mesh points; an atom belongs to the tile in which its stencil begins.
#pragma once

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "pme/host_device.h"

namespace hotpp::pme::cuda {

struct Layout {
  int points[3];
  int order;
  int row;       ///< numbers from one row (x, y) to the next, 2 (K3/2 + 1)
  int tiles[3];  ///< the last tile of an axis may be smaller

  /// Mesh points along the edge of a tile. 8 x 8 x 16 points and their halo fill a tenth of the shared memory
  /// of a multiprocessor at order 8; known at compile time, because divisions by them are everywhere.
  HOTPP_HOST_DEVICE static constexpr int tile(int axis) { return axis == 2 ? 16 : 8; }

  HOTPP_HOST_DEVICE int modes() const { return row / 2; }
  HOTPP_HOST_DEVICE int size() const { return points[0] * points[1] * row; }
  HOTPP_HOST_DEVICE int tile_count() const { return tiles[0] * tiles[1] * tiles[2]; }
  /// first: wrapped into the mesh.
  HOTPP_HOST_DEVICE int tile_of(const int* first) const {
    return ((first[0] / tile(0)) * tiles[1] + first[1] / tile(1)) * tiles[2] + first[2] / tile(2);
  }
  /// First mesh point of tile t along an axis; tile 0 begins at the origin of the mesh.
  HOTPP_HOST_DEVICE int tile_origin(int t, int axis) const {
    const int place = axis == 2   ? t % tiles[2]
                      : axis == 1 ? t / tiles[2] % tiles[1]
                                  : t / (tiles[2] * tiles[1]);
    return place * tile(axis);
  }
  /// Bins of 2 x 2 x 2 points, in which atoms are counted (envelope.h).
  HOTPP_HOST_DEVICE int bins(int axis) const { return (points[axis] + 1) / 2; }
  HOTPP_HOST_DEVICE int bin_count() const { return bins(0) * bins(1) * bins(2); }
  HOTPP_HOST_DEVICE int bin_of(const int* first) const {
    return ((first[0] / 2) * bins(1) + first[1] / 2) * bins(2) + first[2] / 2;
  }
  /// i: at most one period outside.
  HOTPP_HOST_DEVICE int wrap(int axis, int i) const { return i < points[axis] ? i : i - points[axis]; }
};

/// A window is a tile with all points that its atoms touch. Odd rows: neighbouring rows of a stencil then
/// begin in different banks of shared memory.
template <int P>
struct Window {
  static constexpr int x = Layout::tile(0) + P - 1, y = Layout::tile(1) + P - 1, z = Layout::tile(2) + P - 1;
  static constexpr int row = z | 1, plane = row * y, size = plane * x;
};

inline Layout make_layout(const std::array<int, 3>& mesh, int order) {
  Layout layout{};
  layout.order = order;
  layout.row = 2 * (mesh[2] / 2 + 1);
  for (int d = 0; d < 3; ++d) layout.points[d] = mesh[d];
  constexpr double most =
      2147483648.0 - 65536.0;  // indices are int; a grid of blocks reaches a little beyond
  if (static_cast<double>(mesh[0]) * mesh[1] * layout.row > most)
    throw std::invalid_argument("The mesh of " + std::to_string(mesh[0]) + " x " + std::to_string(mesh[1]) +
                                " x " + std::to_string(mesh[2]) +
                                " points has more than 2^31 numbers, the limit of one device: choose a "
                                "coarser mesh.");
  for (int d = 0; d < 3; ++d) layout.tiles[d] = (mesh[d] + Layout::tile(d) - 1) / Layout::tile(d);
  return layout;
}

}  // namespace hotpp::pme::cuda
