// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/pencil_convolution.h"

#include <algorithm>

#include "pme/cpu/threads.h"

namespace hotpp::pme {
namespace {

/// An odd number of cache lines, so that neighbours across rows or planes do not share a few sets of the
/// cache.
template <class Real>
std::ptrdiff_t odd_lines(std::ptrdiff_t reals) {
  constexpr std::ptrdiff_t line = cache_line / sizeof(Real);
  return ((reals + line - 1) / line | 1) * line;
}

}  // namespace

template <class Real>
PencilConvolution<Real>::PencilConvolution(const Settings& settings, const Layout& layout,
                                           const Communicator& owners)
    : layout_(layout),
      x_(layout.x(owners.rank())),
      y_(layout.y(owners.rank())),
      mode_y_(layout.mode_y(owners.rank())),
      blocks_(layout.mode_blocks(owners.rank())),
      columns_(owners, layout.row_of(owners.rank()), layout.column_of(owners.rank())),
      rows_(owners, layout.column_of(owners.rank()), layout.row_of(owners.rank())),
      transform_x_(layout.mesh[0]),
      transform_y_(layout.mesh[1]),
      transform_z_(layout.mesh[2]),
      mode_columns_(settings) {
  const auto [k1, k2, k3] = layout.mesh;
  const int row = layout.row_of(owners.rank()), column = layout.column_of(owners.rank());
  const auto allocate = [&](std::ptrdiff_t reals) {
    memory_.emplace_back(static_cast<std::size_t>(reals));
    return memory_.back().data();
  };
  const std::ptrdiff_t z_row = odd_lines<Real>(static_cast<std::ptrdiff_t>(layout.blocks()) * block);
  const std::ptrdiff_t z_plane = odd_lines<Real>(z_row * y_.size());
  z_lines_ = {allocate(z_plane * x_.size()), z_plane, z_row, block};
  y_lines_ = z_lines_;
  if (layout.columns > 1) {
    const std::ptrdiff_t line = static_cast<std::ptrdiff_t>(k2) * block;
    y_lines_ = {allocate(line * blocks_.size() * x_.size()), line * blocks_.size(), block, line};
    for (int j = 0; j < layout.columns; ++j) {
      const int other = row * layout.columns + j;
      columns_.add({{0, x_.size()}, {0, y_.size()}, layout.mode_blocks(other)},
                   {{0, x_.size()}, layout.y(other), {0, blocks_.size()}});
    }
  }
  x_lines_ = y_lines_;
  if (layout.rows > 1) {
    const std::ptrdiff_t line = static_cast<std::ptrdiff_t>(k1) * block;
    x_lines_ = {allocate(line * blocks_.size() * mode_y_.size()), block, line * blocks_.size(), line};
    for (int i = 0; i < layout.rows; ++i) {
      const int other = i * layout.columns + column;
      rows_.add({{0, x_.size()}, layout.mode_y(other), {0, blocks_.size()}},
                {layout.x(other), {0, mode_y_.size()}, {0, blocks_.size()}});
    }
  }
  influence_.resize(x_block(mode_y_.size(), 0));
  if (settings.kernel.kind != KernelKind::Gaussian) slope_.resize(influence_.size());
  line_sums_.resize(static_cast<std::size_t>(mode_y_.size()) * blocks_.size() * lanes);
}

template <class Real>
void PencilConvolution<Real>::Exchange::add(const Part& near, const Part& far) {
  for (int side = 0; side < 2; ++side) {
    const Part& part = side == 0 ? near : far;
    begin[side].push_back(count[side].empty() ? 0 : begin[side].back() + count[side].back());
    count[side].push_back(part.reals());
    parts[side].push_back(part);
  }
}

template <class Real>
void PencilConvolution<Real>::set_cell(const Cell& cell) {
  mode_columns_.set_cell(cell);
#pragma omp parallel for schedule(static)
  for (int y = 0; y < mode_y_.size(); ++y)
    for (int z = 0; z < blocks_.size(); ++z)
      mode_columns_.influence(mode_y_.begin + y, blocks_.begin + z, influence_.data() + x_block(y, z),
                              slope_.empty() ? nullptr : slope_.data() + x_block(y, z));
}

template <class Real>
void PencilConvolution<Real>::redistribute(Exchange& exchange, const View& from, const View& to,
                                           bool forward) {
  const int here = forward ? 0 : 1, there = 1 - here;
  auto total = [&](int side) {
    return static_cast<std::size_t>(exchange.begin[side].back()) + exchange.count[side].back();
  };
  Real* const send = send_.reserve(total(here));
  Real* const receive = receive_.reserve(total(there));
  auto for_each_block = [](const Part& part, const View& view, auto&& f) {
    for (int x = part.x.begin; x < part.x.end; ++x)
      for (int y = part.y.begin; y < part.y.end; ++y)
        for (int z = part.z.begin; z < part.z.end; ++z) f(view.data + x * view.x + y * view.y + z * view.z);
  };
  const Communicator& comm = exchange.comm;
  const int partners = comm.size();
  requests_.assign(2 * partners, MPI_REQUEST_NULL);
  for (int k = 0; k < partners; ++k)
    if (k != comm.rank() && exchange.count[there][k] > 0)
      MPI_Irecv(receive + exchange.begin[there][k], exchange.count[there][k], mpi_type(Real()), k, 0,
                comm.get(), &requests_[k]);
  for (int step = 1; step < partners; ++step) {  // not everybody to the same one at once
    const int k = (comm.rank() + step) % partners;
    if (exchange.count[here][k] == 0) continue;
    Real* message = send + exchange.begin[here][k];
    for_each_block(exchange.parts[here][k], from,
                   [&](const Real* b) { message = std::copy_n(b, block, message); });
    MPI_Isend(send + exchange.begin[here][k], exchange.count[here][k], mpi_type(Real()), k, 0, comm.get(),
              &requests_[partners + k]);
  }
  // what stays goes straight to its place while the messages travel
  const Part &kept = exchange.parts[here][comm.rank()], &place = exchange.parts[there][comm.rank()];
#pragma omp parallel for schedule(static)
  for (int x = 0; x < kept.x.size(); ++x)
    for (int y = 0; y < kept.y.size(); ++y)
      for (int z = 0; z < kept.z.size(); ++z)
        std::copy_n(
            from.data + (kept.x.begin + x) * from.x + (kept.y.begin + y) * from.y +
                (kept.z.begin + z) * from.z,
            block,
            to.data + (place.x.begin + x) * to.x + (place.y.begin + y) * to.y + (place.z.begin + z) * to.z);
  for (int k = 0;;) {
    MPI_Waitany(partners, requests_.data(), &k, MPI_STATUS_IGNORE);
    if (k == MPI_UNDEFINED) break;
    const Real* message = receive + exchange.begin[there][k];
    for_each_block(exchange.parts[there][k], to, [&](Real* b) {
      std::copy_n(message, block, b);
      message += block;
    });
  }
  MPI_Waitall(partners, requests_.data() + partners, MPI_STATUSES_IGNORE);
}

template <class Real>
void PencilConvolution<Real>::transform_z(int x, bool backward) {
  Real* const scratch = thread_scratch();
  const auto transform =
      backward ? kernels<Real>().transform_rows_backward : kernels<Real>().transform_rows_forward;
  transform(transform_z_.plan(), mesh() + x * plane(), row(), y_.size(), scratch);
}

template <class Real>
void PencilConvolution<Real>::transform_y(int x, bool backward) {
  kernels<Real>().transform_lines(transform_y_.plan(), y_lines_.data + x * y_lines_.x, y_lines_.y,
                                  blocks_.size(), y_lines_.z, backward, thread_scratch());
}

/// Both, plane by plane while a plane is in the cache; with other owners' lines in between if need be.
template <class Real>
void PencilConvolution<Real>::transform_planes(bool backward) {
  const bool whole = layout_.columns == 1;
#pragma omp parallel for schedule(static)
  for (int x = 0; x < x_.size(); ++x) {
    if (!backward) transform_z(x, false);
    if (backward || whole) transform_y(x, backward);
    if (backward && whole) transform_z(x, true);
  }
  if (whole) return;
  redistribute(columns_, backward ? y_lines_ : z_lines_, backward ? z_lines_ : y_lines_, !backward);
#pragma omp parallel for schedule(static)
  for (int x = 0; x < x_.size(); ++x) {
    if (!backward) transform_y(x, false);
    if (backward) transform_z(x, true);
  }
}

template <class Real>
void PencilConvolution<Real>::convolve_x(bool strain, ExactModeSums* sums) {
#pragma omp parallel for schedule(static)
  for (int y = 0; y < mode_y_.size(); ++y)
    for (int z = 0; z < blocks_.size(); ++z) {
      const ModeColumn column = mode_columns_.column(mode_y_.begin + y, blocks_.begin + z, lanes);
      double partial[4][column_lanes] = {};
      kernels<Real>().convolve_lines(
          transform_x_.plan(), x_lines_.data + y * x_lines_.y + z * x_lines_.z, x_lines_.x,
          influence_.data() + x_block(y, z), strain ? &column : nullptr,
          slope_.empty() ? nullptr : slope_.data() + x_block(y, z), partial, thread_scratch());
      LineSums* const lines = &line_sums_[(static_cast<std::size_t>(y) * blocks_.size() + z) * lanes];
      for (int j = 0; j < lanes; ++j) {
        const int mode_z = (blocks_.begin + z) * lanes + j;
        lines[j] = mode_z < layout_.modes() ? mode_columns_.line_sums(mode_y_.begin + y, mode_z, partial, j)
                                            : LineSums{};
      }
    }
  for (const LineSums& line : line_sums_) {
    bool fits = sums->energy.add(line.energy);
    if (strain)
      for (int c = 0; c < 6; ++c) fits &= sums->moments[c].add(line.moments[c]);
    sums->too_large |= !fits;
  }
}

template <class Real>
void PencilConvolution<Real>::convolve(bool potential, bool strain, ExactModeSums* sums) {
  scratch_.resize(std::max(scratch_.size(), max_threads() * scratch_size()));
  transform_planes(false);
  if (layout_.rows > 1) redistribute(rows_, y_lines_, x_lines_, true);
  convolve_x(strain, sums);
  sent_back_ = potential;
  if (!potential) return;
  if (layout_.rows > 1) redistribute(rows_, x_lines_, y_lines_, false);
  transform_planes(true);
}

template <class Real>
Messages PencilConvolution<Real>::traffic() const {
  Messages total;
  for (const Exchange* e : {&columns_, &rows_})
    for (int side = 0; side < (sent_back_ ? 2 : 1); ++side)
      for (std::size_t k = 0; k < e->count[side].size(); ++k)
        if (static_cast<int>(k) != e->comm.rank() && e->count[side][k] > 0)
          total.add(static_cast<std::int64_t>(e->count[side][k]) * static_cast<std::int64_t>(sizeof(Real)));
  return total;
}

template class PencilConvolution<float>;
template class PencilConvolution<double>;

}  // namespace hotpp::pme
