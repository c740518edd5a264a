// SPDX-License-Identifier: GPL-2.0-or-later
#include "ghost_transport.h"

#include <algorithm>

namespace hotpp {

void GhostTransport::run(const Exchange& exchange, double* values, int columns) {
  values_ = values;
  columns_ = columns;
  exchange(columns);
  values_ = nullptr;
}

void GhostTransport::fill_ghosts(double* values, int columns) { run(forward, values, columns); }

void GhostTransport::sum_ghosts(double* values, int columns) { run(reverse, values, columns); }

int GhostTransport::pack_forward(int n, const int* atoms, double* buffer) const {
  for (int k = 0; k < n; ++k) buffer = std::copy_n(of(atoms[k]), columns_, buffer);
  return n * columns_;
}

void GhostTransport::unpack_forward(int n, int first, const double* buffer) {
  std::copy_n(buffer, static_cast<std::size_t>(n) * columns_, of(first));
}

int GhostTransport::pack_reverse(int n, int first, double* buffer) const {
  std::copy_n(of(first), static_cast<std::size_t>(n) * columns_, buffer);
  return n * columns_;
}

void GhostTransport::unpack_reverse(int n, const int* atoms, const double* buffer) {
  for (int k = 0; k < n; ++k)
    for (int a = 0; a < columns_; ++a) of(atoms[k])[a] += *buffer++;
}

}  // namespace hotpp
