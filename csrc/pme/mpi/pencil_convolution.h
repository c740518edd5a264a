// SPDX-License-Identifier: GPL-2.0-or-later
// The convolution by pencils with the transforms of cpu/: lines along z, redistribution, lines along y,
// redistribution, lines along x with the influence function, and back. With one column (slabs) there is
// nothing to redistribute before y, with one row nothing before x.
//
// Modes travel and lie in blocks of `fft_lanes` neighbours along z: one cache line. Lanes never mix, so a
// line has the same bits whoever owns it.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "pme/cpu/line_transform.h"
#include "pme/cpu/mode_columns.h"
#include "pme/cpu/threads.h"
#include "pme/mpi/communicator.h"
#include "pme/mpi/distributed_convolution.h"
#include "pme/mpi/growing_array.h"
#include "pme/mpi/layout.h"

namespace hotpp::pme {

template <class Real>
class PencilConvolution final : public DistributedConvolution<Real> {
 public:
  /// Collective over `owners`, whose ranks are the owners of the layout.
  PencilConvolution(const Settings&, const Layout&, const Communicator& owners);

  void set_cell(const Cell&) override;
  void set_strain_influence(int component) override;
  Real* mesh() override { return z_lines_.data; }
  std::ptrdiff_t row() const override { return z_lines_.y; }
  std::ptrdiff_t plane() const override { return z_lines_.x; }
  void convolve(bool potential, bool strain, ExactModeSums*) override;
  Messages traffic() const override;

 private:
  static constexpr int lanes = fft_lanes<Real>, block = 2 * lanes;  // reals of a block of modes

  /// Blocks of modes in memory: block (x, y, z) at data + x · this->x + ...
  struct View {
    Real* data = nullptr;
    std::ptrdiff_t x = 0, y = 0, z = 0;
  };
  /// Blocks that a message carries, indices as in the view: the blocks z of all y of all x.
  struct Part {
    Range x, y, z;
    int reals() const { return block * x.size() * y.size() * z.size(); }
  };
  /// Exchange between the owners of one row or column of the layout: near (before it) and far parts, by
  /// partner.
  struct Exchange {
    Exchange(const Communicator& parent, int colour, int key) : comm(parent, colour, key) {}
    Communicator comm;
    std::array<std::vector<Part>, 2> parts;  // near, far
    std::array<std::vector<int>, 2> count, begin;
    void add(const Part& near, const Part& far);
  };
  void redistribute(Exchange&, const View& from, const View& to, bool forward);
  void transform_z(int x, bool backward);
  void transform_y(int x, bool backward);
  void transform_planes(bool backward);
  void convolve_x(bool strain, ExactModeSums*);
  std::size_t scratch_size() const {
    return line_scratch<Real>(std::max({layout_.mesh[0], layout_.mesh[1], layout_.mesh[2]}));
  }
  Real* thread_scratch() { return scratch_.data() + team_rank() * scratch_size(); }
  std::size_t x_block(int y, int z) const {
    return (static_cast<std::size_t>(y) * blocks_.size() + z) * layout_.mesh[0] * lanes;
  }

  Layout layout_;
  Range x_, y_, mode_y_, blocks_;
  Exchange columns_, rows_;  // owners of the same planes x; of the same blocks of modes z
  View z_lines_, y_lines_, x_lines_;
  std::vector<AlignedArray<Real>> memory_;  // of the views that are not those of the step before
  GrowingArray<Real> send_, receive_;
  std::vector<MPI_Request> requests_;
  LineTransform<Real> transform_x_, transform_y_, transform_z_;
  ModeColumns mode_columns_;
  std::vector<Real> influence_, slope_;  // [mode y][block z][x][lane]; slope as in cpu/convolution.h
  std::vector<Real> scratch_;            // per thread
  std::vector<LineSums> line_sums_;      // [mode y][block z][lane]
  bool sent_back_ = false;
};

}  // namespace hotpp::pme
