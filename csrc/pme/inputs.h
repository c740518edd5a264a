// SPDX-License-Identifier: GPL-2.0-or-later
// Checks of what a caller gives. Each throws std::invalid_argument, naming the value, what is expected and
// the remedy.
#pragma once

#include <array>
#include <cstdint>
#include <new>
#include <string>

#include "pme/cell.h"
#include "pme/settings.h"

namespace hotpp::pme {

/// More than this many points along an axis is a mistake; less keeps every index of the mesh inside its type.
constexpr int max_points = 16384;

/// A position may be this many cells away: float64 still knows its place in the cell to 1e-9.
constexpr double max_cells_away = 1e7;

/// Å; a cluster beyond it is a mistake, and squares of its distances may overflow.
constexpr double max_cluster = 1e9;

/// A mesh that this machine cannot hold. Refused beforehand: asking for the memory may end the process.
class NotEnoughMemory : public std::bad_alloc {
 public:
  explicit NotEnoughMemory(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

void check(const Settings&);

/// At most max_points along each axis.
void check_points(const std::array<int, 3>& mesh);

/// A plan is going to be made: number of points, and room for mesh and influence function, whose numbers have
/// `bytes` bytes each. Throws NotEnoughMemory for the latter.
void check_size(const Settings&, std::size_t bytes);

/// The cell of a plan must have been set.
void check(const Cell&);

/// The relative rms force error that is asked for.
void check_accuracy(double accuracy);

/// Finite and not too far away, [n, 3] Å.
void check_positions(const Cell&, std::int64_t n, const double* positions);

/// Finite charges [n], dipoles [n, 3] or null.
void check_sources(std::int64_t n, const double* charges, const double* dipoles);

/// Finite positions, not too far away, charges and dipoles (or null), where there is no cell.
void check_atoms(std::int64_t n, const double* positions, const double* charges, const double* dipoles);

/// Whether all |values| are at most `limit`; by one thread.
bool all_within(const double* values, std::int64_t count, double limit);

/// Å: beyond it check_positions looks for positions too far away, and for those that are not finite.
double position_limit(const Cell&);

/// The settings for what Plan::execute is asked to do, without a look at every atom.
void check_request(const Settings&, const Cell&, bool dipoles, const Output&);

/// Everything that Plan::execute is given.
void check_execute(const Settings&, const Cell&, std::int64_t n, const double* positions,
                   const double* charges, const double* dipoles, const Output&);

/// Finite results: charges or dipoles too large for the numbers of the mesh must not pass as NaN.
void check_results(std::int64_t n, const Output&);

}  // namespace hotpp::pme
