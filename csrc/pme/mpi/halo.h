// SPDX-License-Identifier: GPL-2.0-or-later
// Windows <-> owners of the mesh: halo sum and redistribution in one exchange. Every window sends each owner
// the rows that lie in its part of the mesh, and the owner adds what arrives, in any order (fixed point).
// Potentials go back the same way. Nothing is said about who has which atoms: two ranks exchange a message if
// the box of one overlaps the part of the other.
#pragma once

#include <vector>

#include "pme/mpi/communicator.h"
#include "pme/mpi/growing_array.h"
#include "pme/mpi/layout.h"
#include "pme/mpi/spread_fixed.h"
#include "pme/mpi/traffic.h"
#include "pme/mpi/window.h"

namespace hotpp::pme {

/// Points window .. window + size - 1 of a window along one axis are the points mesh .. of the mesh.
struct Overlap {
  struct Piece {
    int window, mesh, size;
  };
  int count = 0;
  Piece piece[2];
  int points() const { return (count > 0 ? piece[0].size : 0) + (count > 1 ? piece[1].size : 0); }
};
/// begin, size: of a window no longer than the mesh, which may go past its end.
Overlap overlap(int begin, int size, int points, Range owned);

/// Where the rows (x, y) of an owner's part lie.
struct OwnedRows {
  std::ptrdiff_t plane, row;
};

template <class Real>
class Halo {
 public:
  using Int = FixedInt<Real>;

  Halo(const Layout& layout, const Communicator& ranks);

  /// Boxes of all ranks for this step. Posts what this owner will receive. Grids as in the calls that follow.
  void begin_step(const std::vector<Box>& boxes);

  /// Overwrites `owned`, of this owner (null if it is none), with the sum of the windows, which are in units
  /// of 2^-exponent e. False if a sum did not fit.
  bool charges_to_owners(const Grid<Real>& window, const Int* values, int exponent, const OwnedRows& rows,
                         Real* owned);

  /// Fills the window. `owned` as above.
  void potentials_to_windows(const Grid<Real>& window, Real* values, const OwnedRows& rows,
                             const Real* owned);

  Messages charge_traffic() const { return charge_; }
  Messages potential_traffic() const { return potential_; }

 private:
  struct Partner {
    int rank, owner;  ///< of the other side; the owner number of the side that owns
    std::size_t begin, size;
  };
  /// A window as this owner sees it.
  struct Source {
    const Int* values;
    std::vector<std::ptrdiff_t> x, y;  ///< of the owner's planes and rows: where they begin, or -1
    int begin, size;                   ///< along z
  };
  Source source(const Box&, const Int* values, std::ptrdiff_t plane, std::ptrdiff_t row, bool packed) const;
  bool add_sources(int exponent, const OwnedRows& rows, Real* owned);
  template <class F>
  void for_each_row(const Box& box, int owner, F&& f) const;
  std::size_t points(const Box& box, int owner) const;

  Layout layout_;
  const Communicator& ranks_;
  int owner_;                     ///< of this rank
  std::vector<Box> boxes_;        ///< no longer than the mesh
  std::vector<Partner> owners_;   ///< to which this window sends
  std::vector<Partner> windows_;  ///< from which this owner receives
  std::vector<Source> sources_;
  std::vector<MPI_Request> sends_, receives_;
  GrowingArray<Int> charge_send_, charge_receive_;
  GrowingArray<Real> potential_send_, potential_receive_;
  Messages charge_, potential_;
};

}  // namespace hotpp::pme
