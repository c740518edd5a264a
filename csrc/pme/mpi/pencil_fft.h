// SPDX-License-Identifier: GPL-2.0-or-later
// The transform by pencils: lines along z, transpose, lines along y, transpose, lines along x. With one
// column (slabs) the first transpose is a copy within the rank, with one row the second.
#pragma once

#include <complex>
#include <memory>
#include <vector>

#include "pme/mpi/communicator.h"
#include "pme/mpi/distributed_fft.h"
#include "pme/mpi/line_fft.h"

namespace hotpp::pme {

template <class Real>
class PencilFft final : public DistributedFft<Real> {
 public:
  /// Collective over `owners`, whose ranks are the owners of the layout.
  PencilFft(const Layout& layout, const Communicator& owners);

  Real* mesh() override { return z_lines_.data(); }
  std::ptrdiff_t mesh_stride() const override { return z_stride_; }
  Real* spectrum() override { return x_lines_.data(); }
  std::ptrdiff_t spectrum_stride() const override { return x_stride_; }
  void forward() override;
  void backward() override;
  Messages traffic() const override;

 private:
  using Complex = std::complex<Real>;
  /// Blocks that are exchanged between the ranks of one communicator; sizes in reals.
  struct Transpose {
    Transpose(const Communicator& parent, int colour, int key) : comm(parent, colour, key) {}
    Communicator comm;
    std::vector<int> near_count, near_begin, far_count, far_begin;  // before and after the forward transpose
    std::size_t resize();
  };
  void z_to_y();
  void y_to_z();
  void y_to_x();
  void x_to_y();
  void exchange(Transpose&, bool forward);

  Layout layout_;
  Range x_, y_, mode_y_, mode_z_;
  std::ptrdiff_t z_stride_, y_stride_, x_stride_;
  Transpose columns_, rows_;  // columns_: owners of the same planes x; rows_: of the same modes z
  AlignedArray<Real> z_lines_, y_lines_, x_lines_;  // [x][y][z], [x][mode z][y], [mode y][mode z][x]
  std::unique_ptr<AlignedArray<Real>> send_, receive_;
  LineFft<Real> z_forward_, z_backward_, y_forward_, y_backward_, x_forward_, x_backward_;
};

}  // namespace hotpp::pme
