// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/halo.h"

#include <algorithm>
#include <cmath>

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

/// Where the rows of a box begin that this owner has: row (x, y) of its part at values + x[x] + y[y], if both
/// are there. `packed`: one after the other in the order of for_each_row, as in a message.
template <class Real>
typename Halo<Real>::Source Halo<Real>::source(const Box& box, const Int* values, std::ptrdiff_t plane,
                                               std::ptrdiff_t row, bool packed) const {
  Source result{values, {}, {}, box.begin[2], box.size[2]};
  auto places = [&](int d, Range owned, std::ptrdiff_t stride, std::vector<std::ptrdiff_t>* to) {
    to->assign(owned.size(), -1);
    if (box.empty()) return;
    const Overlap in = overlap(box.begin[d], box.size[d], layout_.mesh[d], owned);
    std::ptrdiff_t next = 0;
    for (int a = 0; a < in.count; ++a)
      for (int i = 0; i < in.piece[a].size; ++i)
        (*to)[in.piece[a].mesh + i - owned.begin] = stride * (packed ? next++ : in.piece[a].window + i);
  };
  places(0, layout_.x(owner_), plane, &result.x);
  places(1, layout_.y(owner_), row, &result.y);
  return result;
}

template <class Real>
bool Halo<Real>::charges_to_owners(const Grid<Real>& window, const Int* values, int exponent,
                                   const OwnedRows& rows, Real* owned) {
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
  bool fits = true;
  if (owner_ >= 0) {
    sources_.clear();
    sources_.push_back(source(box, values, window.plane, window.row, false));
    for (const Partner& p : windows_) {
      const Box& other = boxes_[p.rank];
      const Overlap in_y = overlap(other.begin[1], other.size[1], layout_.mesh[1], layout_.y(owner_));
      sources_.push_back(source(other, charge_receive_.data() + p.begin,
                                static_cast<std::ptrdiff_t>(in_y.points()) * other.size[2], other.size[2],
                                true));
    }
    MPI_Waitall(static_cast<int>(receives_.size()), receives_.data(), MPI_STATUSES_IGNORE);
    fits = add_sources(exponent, rows, owned);
  }
  MPI_Waitall(static_cast<int>(sends_.size()), sends_.data(), MPI_STATUSES_IGNORE);
  return fits;
}

/// Every row once: the sum of its sources in fixed point, then as reals to the mesh.
template <class Real>
bool Halo<Real>::add_sources(int exponent, const OwnedRows& rows, Real* owned) {
  const int k3 = layout_.mesh[2], planes = layout_.x(owner_).size();
  const Real unit = static_cast<Real>(std::ldexp(1.0, -exponent));
  Int lost = 0;
#pragma omp parallel reduction(| : lost)
  {
    std::vector<Int> sum(k3);
    auto to_reals = [unit](const Int* from, int count, Real* to) {
      for (int z = 0; z < count; ++z) to[z] = unit * static_cast<Real>(from[z]);
    };
#pragma omp for schedule(static)
    for (int x = 0; x < planes; ++x)
      for (int y = 0; y < layout_.y(owner_).size(); ++y) {
        Real* const row = owned + x * rows.plane + y * rows.row;
        int count = 0;
        const Source* only = nullptr;
        for (const Source& s : sources_)
          if (s.x[x] >= 0 && s.y[y] >= 0) ++count, only = &s;
        if (count != 1 || only->size < k3) std::fill_n(row, k3, Real(0));
        if (count == 1) {
          const Int* const from = only->values + only->x[x] + only->y[y];
          const int before_end = std::min(only->size, k3 - only->begin);
          to_reals(from, before_end, row + only->begin);
          to_reals(from + before_end, only->size - before_end, row);
        }
        if (count < 2) continue;
        std::fill(sum.begin(), sum.end(), Int(0));
        for (const Source& s : sources_) {
          if (s.x[x] < 0 || s.y[y] < 0) continue;
          const Int* const from = s.values + s.x[x] + s.y[y];
          const int before_end = std::min(s.size, k3 - s.begin);
          for (int z = 0; z < before_end; ++z) lost |= add_checked<Real>(&sum[s.begin + z], from[z]);
          for (int z = before_end; z < s.size; ++z) lost |= add_checked<Real>(&sum[z - before_end], from[z]);
        }
        to_reals(sum.data(), k3, row);
      }
  }
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
