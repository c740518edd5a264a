// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/halo.h"

#include <algorithm>

namespace hotpp::pme {
namespace {

constexpr int charge_tag = 1, potential_tag = 2;

}  // namespace

Overlap overlap(int begin, int size, int points, Range owned) {
  Overlap result;
  auto add = [&](int window, int mesh_begin, int mesh_end) {
    const int from = std::max(mesh_begin, owned.begin), to = std::min(mesh_end, owned.end);
    if (from < to) result.piece[result.count++] = {window + from - mesh_begin, from, to - from};
  };
  add(0, begin, std::min(begin + size, points));
  if (begin + size > points) add(points - begin, 0, begin + size - points);
  return result;
}

template <class Real>
Halo<Real>::Halo(const Layout& layout, const Communicator& ranks)
    : layout_(layout), ranks_(ranks), owner_(layout.owner_of(ranks.rank(), ranks.size())) {}

/// f(x, y of the window, x, y of the owner) for every row of the box that the owner has, in a fixed order.
template <class Real>
template <class F>
void Halo<Real>::for_each_row(const Box& box, int owner, F&& f) const {
  if (box.empty()) return;
  const Range x = layout_.x(owner), y = layout_.y(owner);
  const Overlap in_x = overlap(box.begin[0], box.size[0], layout_.mesh[0], x);
  const Overlap in_y = overlap(box.begin[1], box.size[1], layout_.mesh[1], y);
  for (int a = 0; a < in_x.count; ++a)
    for (int i = 0; i < in_x.piece[a].size; ++i)
      for (int b = 0; b < in_y.count; ++b)
        for (int j = 0; j < in_y.piece[b].size; ++j)
          f(in_x.piece[a].window + i, in_y.piece[b].window + j, in_x.piece[a].mesh + i - x.begin,
            in_y.piece[b].mesh + j - y.begin);
}

template <class Real>
std::size_t Halo<Real>::points(const Box& box, int owner) const {
  if (box.empty()) return 0;
  const std::size_t x = overlap(box.begin[0], box.size[0], layout_.mesh[0], layout_.x(owner)).points();
  return x * overlap(box.begin[1], box.size[1], layout_.mesh[1], layout_.y(owner)).points() * box.size[2];
}

template <class Real>
void Halo<Real>::begin_step(const std::vector<Box>& boxes) {
  boxes_ = boxes;
  for (Box& box : boxes_)
    for (int d = 0; d < 3; ++d) box.size[d] = std::min(box.size[d], layout_.mesh[d]);

  charge_ = potential_ = {};
  auto add = [](std::vector<Partner>* partners, int rank, int owner, std::size_t size) {
    if (size == 0) return;
    const std::size_t begin = partners->empty() ? 0 : partners->back().begin + partners->back().size;
    partners->push_back({rank, owner, begin, size});
  };
  owners_.clear();
  windows_.clear();
  for (int owner = 0; owner < layout_.owners(); ++owner)
    if (owner != owner_)
      add(&owners_, layout_.rank_of(owner, ranks_.size()), owner, points(boxes_[ranks_.rank()], owner));
  if (owner_ >= 0)
    for (int rank = 0; rank < ranks_.size(); ++rank)
      if (rank != ranks_.rank()) add(&windows_, rank, owner_, points(boxes_[rank], owner_));
  auto total = [](const std::vector<Partner>& p) { return p.empty() ? 0 : p.back().begin + p.back().size; };
  charge_send_.reserve(total(owners_));
  potential_receive_.reserve(total(owners_));
  charge_receive_.reserve(total(windows_));
  potential_send_.reserve(total(windows_));

  receives_.clear();
  for (const Partner& p : windows_) {
    receives_.emplace_back();
    MPI_Irecv(charge_receive_.data() + p.begin, static_cast<int>(p.size), mpi_type(Int()), p.rank, charge_tag,
              ranks_.get(), &receives_.back());
  }
}

template <class Real>
bool Halo<Real>::charges_to_owners(const Grid<Real>& window, const Int* values, const OwnedRows& rows,
                                   Int* owned) {
  const Box& box = boxes_[ranks_.rank()];
  sends_.clear();
  for (const Partner& p : owners_) {
    Int* to = charge_send_.data() + p.begin;
    for_each_row(box, p.owner, [&](int x, int y, int, int) {
      to = std::copy_n(values + x * window.plane + y * window.row, box.size[2], to);
    });
    sends_.emplace_back();
    MPI_Isend(charge_send_.data() + p.begin, static_cast<int>(p.size), mpi_type(Int()), p.rank, charge_tag,
              ranks_.get(), &sends_.back());
    charge_.add(static_cast<std::int64_t>(p.size * sizeof(Int)));
  }

  Int lost = 0;
  const int k3 = layout_.mesh[2];
  auto add_row = [&](const Int* from, const Box& b, Int* row) {
    const int before_end = std::min(b.size[2], k3 - b.begin[2]);
    for (int z = 0; z < before_end; ++z) lost |= add_checked<Real>(row + b.begin[2] + z, from[z]);
    for (int z = before_end; z < b.size[2]; ++z) lost |= add_checked<Real>(row + z - before_end, from[z]);
  };
  if (owner_ >= 0) {
    std::fill_n(owned, layout_.x(owner_).size() * rows.plane, Int(0));
    for_each_row(box, owner_, [&](int x, int y, int ox, int oy) {
      add_row(values + x * window.plane + y * window.row, box, owned + ox * rows.plane + oy * rows.row);
    });
  }
  for (std::size_t k = 0; k < windows_.size(); ++k) {
    int which;
    MPI_Waitany(static_cast<int>(receives_.size()), receives_.data(), &which, MPI_STATUS_IGNORE);
    const Partner& p = windows_[which];
    const Box& other = boxes_[p.rank];
    const Int* from = charge_receive_.data() + p.begin;
    for_each_row(other, owner_, [&](int, int, int ox, int oy) {
      add_row(from, other, owned + ox * rows.plane + oy * rows.row);
      from += other.size[2];
    });
  }
  MPI_Waitall(static_cast<int>(sends_.size()), sends_.data(), MPI_STATUSES_IGNORE);
  return lost >= 0;
}

template <class Real>
void Halo<Real>::potentials_to_windows(const Grid<Real>& window, Real* values, const OwnedRows& rows,
                                       const Real* owned) {
  const Box& box = boxes_[ranks_.rank()];
  receives_.clear();
  for (const Partner& p : owners_) {
    receives_.emplace_back();
    MPI_Irecv(potential_receive_.data() + p.begin, static_cast<int>(p.size), mpi_type(Real()), p.rank,
              potential_tag, ranks_.get(), &receives_.back());
  }
  const int k3 = layout_.mesh[2];
  auto copy_row = [&](const Real* row, const Box& b, Real* to) {
    const int before_end = std::min(b.size[2], k3 - b.begin[2]);
    std::copy_n(row + b.begin[2], before_end, to);
    std::copy_n(row, b.size[2] - before_end, to + before_end);
  };
  sends_.clear();
  for (const Partner& p : windows_) {
    const Box& other = boxes_[p.rank];
    Real* to = potential_send_.data() + p.begin;
    for_each_row(other, owner_, [&](int, int, int ox, int oy) {
      copy_row(owned + ox * rows.plane + oy * rows.row, other, to);
      to += other.size[2];
    });
    sends_.emplace_back();
    MPI_Isend(potential_send_.data() + p.begin, static_cast<int>(p.size), mpi_type(Real()), p.rank,
              potential_tag, ranks_.get(), &sends_.back());
    potential_.add(static_cast<std::int64_t>(p.size * sizeof(Real)));
  }
  if (owner_ >= 0)
    for_each_row(box, owner_, [&](int x, int y, int ox, int oy) {
      copy_row(owned + ox * rows.plane + oy * rows.row, box, values + x * window.plane + y * window.row);
    });
  for (std::size_t k = 0; k < owners_.size(); ++k) {
    int which;
    MPI_Waitany(static_cast<int>(receives_.size()), receives_.data(), &which, MPI_STATUS_IGNORE);
    const Partner& p = owners_[which];
    const Real* from = potential_receive_.data() + p.begin;
    for_each_row(box, p.owner, [&](int x, int y, int, int) {
      std::copy_n(from, box.size[2], values + x * window.plane + y * window.row);
      from += box.size[2];
    });
  }
  MPI_Waitall(static_cast<int>(sends_.size()), sends_.data(), MPI_STATUSES_IGNORE);
}

template class Halo<float>;
template class Halo<double>;

}  // namespace hotpp::pme
