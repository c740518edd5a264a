// SPDX-License-Identifier: GPL-2.0-or-later
#include "ghost_transport.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace hotpp {

template <class Real>
void GhostTransport::in_pieces(const std::vector<int>& row, Real* rows, std::int64_t columns,
                               const Exchange& exchange) {
  const std::int64_t most = width * static_cast<std::int64_t>(sizeof(double) / sizeof(Real));
  row_ = &row;
  stride_ = static_cast<std::size_t>(columns) * sizeof(Real);
  single_ = std::is_same_v<Real, float>;
  for (std::int64_t begin = 0; begin < columns; begin += most) {
    size_ = static_cast<std::size_t>(std::min(most, columns - begin)) * sizeof(Real);
    doubles_ = static_cast<int>((size_ + sizeof(double) - 1) / sizeof(double));
    data_ = reinterpret_cast<char*>(rows + begin);
    exchange(doubles_);
    ++exchanges;
  }
  row_ = nullptr;
}

template <class Real>
void GhostTransport::fill_ghosts(const std::vector<int>& row, Real* rows, std::int64_t columns) {
  in_pieces(row, rows, columns, forward);
}

template <class Real>
void GhostTransport::sum_ghosts(const std::vector<int>& row, Real* rows, std::int64_t columns) {
  in_pieces(row, rows, columns, reverse);
}

void GhostTransport::copy_out(int atom, double* to) const {
  const int row = (*row_)[atom];
  if (row >= 0) {
    std::memcpy(to, data_ + row * stride_, size_);
  } else {
    std::memset(to, 0, size_);
  }
}

int GhostTransport::pack_forward(int n, const int* atoms, double* buffer) {
  for (int k = 0; k < n; ++k) copy_out(atoms[k], buffer + static_cast<std::size_t>(k) * doubles_);
  for (int k = 0; k < n && !packed_.empty(); ++k) packed_[atoms[k]] = 1;
  bytes += static_cast<std::int64_t>(sizeof(double)) * n * doubles_;
  return n * doubles_;
}

void GhostTransport::unpack_forward(int n, int first, const double* buffer) {
  for (int k = 0; k < n; ++k) {
    const int row = (*row_)[first + k];
    if (row >= 0) std::memcpy(data_ + row * stride_, buffer + static_cast<std::size_t>(k) * doubles_, size_);
  }
}

int GhostTransport::pack_reverse(int n, int first, double* buffer) {
  for (int k = 0; k < n; ++k) copy_out(first + k, buffer + static_cast<std::size_t>(k) * doubles_);
  bytes += static_cast<std::int64_t>(sizeof(double)) * n * doubles_;
  return n * doubles_;
}

template <class Real>
void GhostTransport::add(int atom, const double* from) {
  const int row = (*row_)[atom];
  if (row < 0) return;
  const char* source = reinterpret_cast<const char*>(from);
  char* target = data_ + row * stride_;
  for (std::size_t at = 0; at < size_; at += sizeof(Real)) {
    Real sum, term;
    std::memcpy(&sum, target + at, sizeof(Real));
    std::memcpy(&term, source + at, sizeof(Real));
    sum += term;
    std::memcpy(target + at, &sum, sizeof(Real));
  }
}

void GhostTransport::unpack_reverse(int n, const int* atoms, const double* buffer) {
  for (int k = 0; k < n; ++k) {
    const double* from = buffer + static_cast<std::size_t>(k) * doubles_;
    if (single_) {
      add<float>(atoms[k], from);
    } else {
      add<double>(atoms[k], from);
    }
  }
}

template void GhostTransport::fill_ghosts(const std::vector<int>&, float*, std::int64_t);
template void GhostTransport::fill_ghosts(const std::vector<int>&, double*, std::int64_t);
template void GhostTransport::sum_ghosts(const std::vector<int>&, float*, std::int64_t);
template void GhostTransport::sum_ghosts(const std::vector<int>&, double*, std::int64_t);

}  // namespace hotpp
