// SPDX-License-Identifier: GPL-2.0-or-later
#include "ensemble.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>

namespace hotpp {

void MemberForces::reset(int members, int n) {
  n_ = n;
  forces_.resize(members);
  rows_.resize(members);
  for (int k = 0; k < members; ++k) {
    forces_[k].assign(3 * static_cast<std::size_t>(std::max(n, 1)), 0.0);
    rows_[k].resize(n);
    for (int i = 0; i < n; ++i) rows_[k][i] = &forces_[k][3 * static_cast<std::size_t>(i)];
  }
}

void MemberForces::add_mean(double* const* f) const {
  const double weight = 1.0 / static_cast<double>(forces_.size());
  for (const auto& forces : forces_)
    for (int i = 0; i < n_; ++i)
      for (int a = 0; a < 3; ++a) f[i][a] += weight * forces[3 * static_cast<std::size_t>(i) + a];
}

std::vector<double> MemberForces::deviation(GhostTransport& transport, int n_owned) {
  for (auto& forces : forces_) transport.sum_ghosts(forces.data(), 3);
  const double weight = 1.0 / static_cast<double>(forces_.size());
  std::vector<double> result(n_owned, 0.0);
  for (int i = 0; i < n_owned; ++i) {
    for (int a = 0; a < 3; ++a) {
      const std::size_t at = 3 * static_cast<std::size_t>(i) + a;
      double mean = 0, squares = 0;
      for (const auto& forces : forces_) mean += weight * forces[at];
      for (const auto& forces : forces_) squares += weight * (forces[at] - mean) * (forces[at] - mean);
      result[i] += squares;
    }
    result[i] = std::sqrt(result[i]);
  }
  return result;
}

DeviationSummary summarise(const std::vector<double>& deviation, const AtomRows& rows, MPI_Comm world) {
  double sums[2] = {0, static_cast<double>(rows.n_owned)};
  double most[2] = {0, -std::numeric_limits<double>::max()};  // of d and of -d
  for (std::int64_t r = 0; r < rows.n_owned; ++r) {
    const double d = deviation[rows.atom[r]];
    sums[0] += d;
    most[0] = std::max(most[0], d);
    most[1] = std::max(most[1], -d);
  }
  MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_DOUBLE, MPI_SUM, world);
  MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_DOUBLE, MPI_MAX, world);
  if (sums[1] == 0) return {};
  return {most[0], sums[0] / sums[1], -most[1]};
}

void TextFile::append(const std::string& name, const std::string& header, const std::string& text) {
  if (!file_) {
    file_.reset(std::fopen(name.c_str(), "w"));
    if (!file_)
      throw std::runtime_error("cannot write to '" + name + "': check the folder and its permissions");
    std::fputs(header.c_str(), file_.get());
  }
  // At once on the disk: a run that ends early has lost nothing.
  if (std::fputs(text.c_str(), file_.get()) < 0 || std::fflush(file_.get()) != 0)
    throw std::runtime_error("cannot write to '" + name + "': check that the disk is not full");
}

}  // namespace hotpp
