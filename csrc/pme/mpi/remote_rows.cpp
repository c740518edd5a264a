// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/remote_rows.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

namespace hotpp::pme {
namespace {

constexpr int request_tag = 1, select_tag = 2, fill_tag = 3, return_tag = 4;

/// A row as one element: no count of a message can overflow.
class RowType {
 public:
  explicit RowType(std::size_t bytes) {
    MPI_Type_contiguous(static_cast<int>(bytes), MPI_BYTE, &type_);
    MPI_Type_commit(&type_);
  }
  /// Messages under way keep what they need of it.
  ~RowType() { MPI_Type_free(&type_); }
  RowType(const RowType&) = delete;
  RowType& operator=(const RowType&) = delete;
  MPI_Datatype get() const { return type_; }

 private:
  MPI_Datatype type_;
};

void check_wanted(const std::vector<RowOwner>& wanted, int me, int ranks) {
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const RowOwner& w = wanted[k];
    if (w.rank < 0 || w.rank >= ranks || w.rank == me || w.row < 0)
      throw std::invalid_argument("row " + std::to_string(w.row) + " of rank " + std::to_string(w.rank) +
                                  " was asked for by rank " + std::to_string(me) + " of " +
                                  std::to_string(ranks) + ": ask for rows that other ranks have");
    if (k > 0 && !(wanted[k - 1] < w))
      throw std::invalid_argument("row " + std::to_string(w.row) + " of rank " + std::to_string(w.rank) +
                                  " was asked for twice or out of order: sort by rank and row");
  }
}

}  // namespace

RemoteRows::Parts RemoteRows::parts(const std::vector<int>& counts) {
  Parts result;
  std::int64_t begin = 0;
  for (std::size_t rank = 0; rank < counts.size(); ++rank) {
    if (counts[rank] > 0) result.push_back({static_cast<int>(rank), begin, counts[rank]});
    begin += counts[rank];
  }
  return result;
}

void RemoteRows::request(const std::vector<RowOwner>& wanted) {
  check_wanted(wanted, comm_.rank(), comm_.size());
  std::vector<int> from(comm_.size(), 0), to(comm_.size(), 0), rows;
  for (const RowOwner& w : wanted) {
    ++from[w.rank];
    rows.push_back(w.row);
  }
  // 4 bytes per rank of the job, but only when a neighbour list is built.
  MPI_Alltoall(from.data(), 1, MPI_INT, to.data(), 1, MPI_INT, comm_.get());
  owners_ = all_owners_ = parts(from);
  readers_ = all_readers_ = parts(to);
  n_remote_ = static_cast<std::int64_t>(wanted.size());
  border_.resize(std::accumulate(to.begin(), to.end(), std::size_t{0}));
  start(owners_, rows.data(), readers_, border_.data(), sizeof(int), request_tag);
  finish();
  all_border_ = border_;
}

void RemoteRows::select(const std::vector<char>& needed) {
  std::vector<char> asked(all_border_.size());
  start(all_owners_, needed.data(), all_readers_, asked.data(), 1, select_tag);
  finish();
  owners_ = chosen(all_owners_, needed);
  readers_ = chosen(all_readers_, asked);
  n_remote_ = std::count_if(needed.begin(), needed.end(), [](char is) { return is != 0; });
  border_.clear();
  for (std::size_t k = 0; k < asked.size(); ++k)
    if (asked[k]) border_.push_back(all_border_[k]);
}

RemoteRows::Parts RemoteRows::chosen(const Parts& all, const std::vector<char>& needed) {
  Parts result;
  std::int64_t begin = 0;
  for (const Part& p : all) {
    const auto first = needed.begin() + p.begin;
    const auto size = std::count_if(first, first + p.size, [](char is) { return is != 0; });
    if (size > 0) result.push_back({p.rank, begin, static_cast<int>(size)});
    begin += size;
  }
  return result;
}

void RemoteRows::start_fill(const void* border, void* remote, std::size_t row_bytes) {
  start(readers_, border, owners_, remote, row_bytes, fill_tag);
}

void RemoteRows::start_return(const void* remote, void* border, std::size_t row_bytes) {
  start(owners_, remote, readers_, border, row_bytes, return_tag);
}

void RemoteRows::start(const Parts& to, const void* send, const Parts& from, void* receive,
                       std::size_t row_bytes, int tag) {
  const RowType row(row_bytes);
  const auto size = static_cast<std::int64_t>(row_bytes);
  for (const Part& p : from) {
    requests_.emplace_back();
    MPI_Irecv(static_cast<char*>(receive) + p.begin * size, p.size, row.get(), p.rank, tag, comm_.get(),
              &requests_.back());
  }
  for (const Part& p : to) {
    requests_.emplace_back();
    MPI_Isend(static_cast<const char*>(send) + p.begin * size, p.size, row.get(), p.rank, tag, comm_.get(),
              &requests_.back());
    sent_.add(p.size * size);
  }
}

void RemoteRows::finish() {
  MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
  requests_.clear();
}

}  // namespace hotpp::pme
