// SPDX-License-Identifier: GPL-2.0-or-later
// Which rank owns which part of the mesh.
//
// The owners form a grid of rows x columns. Before the transform, owner (i, j) has the planes x(i) and of
// these the lines y(j), whole along z; after it, the modes y(i) and blocks of modes z(j), whole along x. One
// owner: 1 x 1; slabs: columns = 1; pencils otherwise. Lines y are shared out in the groups of 2 lanes that
// the transform along z takes together, so that a line is transformed with the same partners whoever owns it.
#pragma once

#include <array>

namespace hotpp::pme {

struct Range {
  int begin = 0, end = 0;
  int size() const { return end - begin; }
};

/// Part `part` of `points` shared out evenly among `parts`.
inline Range share(int points, int parts, int part) {
  const long long p = points;
  return {static_cast<int>(p * part / parts), static_cast<int>(p * (part + 1) / parts)};
}

struct Layout {
  std::array<int, 3> mesh{};
  int lanes = 1;  ///< fft_lanes
  int rows = 1, columns = 1;

  int owners() const { return rows * columns; }
  int modes() const { return mesh[2] / 2 + 1; }
  int blocks() const { return (modes() + lanes - 1) / lanes; }            ///< of modes along z
  int groups() const { return (mesh[1] + 2 * lanes - 1) / (2 * lanes); }  ///< of lines y
  int row_of(int owner) const { return owner / columns; }
  int column_of(int owner) const { return owner % columns; }
  Range x(int owner) const { return share(mesh[0], rows, row_of(owner)); }
  Range y(int owner) const {
    const Range group = share(groups(), columns, column_of(owner));
    return {group.begin * 2 * lanes, group.end < groups() ? group.end * 2 * lanes : mesh[1]};
  }
  Range mode_y(int owner) const { return share(mesh[1], rows, row_of(owner)); }
  Range mode_blocks(int owner) const { return share(blocks(), columns, column_of(owner)); }
  int most_rows() const { return mesh[0] < mesh[1] ? mesh[0] : mesh[1]; }
  int most_columns() const { return groups() < blocks() ? groups() : blocks(); }
  /// Owners are spread over the ranks, and so over the nodes of a machine.
  int rank_of(int owner, int ranks) const {
    return static_cast<int>(static_cast<long long>(owner) * ranks / owners());
  }
  /// What a rank owns, or -1.
  int owner_of(int rank, int ranks) const {
    for (int owner = 0; owner < owners(); ++owner)
      if (rank_of(owner, ranks) == rank) return owner;
    return -1;
  }
};

/// Seconds of one step (transforms, redistributions, exchange with the windows) by a rough model of a
/// cluster.
double estimated_seconds(const Layout&, int order, int ranks);

/// The cheapest layout for a number of ranks, or the one asked for by rows and columns > 0 (checked).
/// lanes: fft_lanes of the mesh's numbers.
Layout choose_layout(const std::array<int, 3>& mesh, int lanes, int order, int ranks, int rows, int columns);

}  // namespace hotpp::pme
