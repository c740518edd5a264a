// SPDX-License-Identifier: GPL-2.0-or-later
// Slabs: periodic along a and b in the xy plane, open along z. What the sum over three periodic axes has too
// much is taken off (EW3DC with dipoles; Yeh & Berkowitz 1999, net charges: Ballenegger, Arnold & Cerdà
// 2009):
//
//   E = (2 pi k_e / V) [M² - Q sum_i (q_i z_i² + 2 z_i μ_iz) - Q² L_z²/12],   M = sum_i (q_i z_i + μ_iz)
#pragma once

#include <cstdint>

#include "pme/cell.h"
#include "pme/settings.h"

namespace hotpp::pme {

/// Vacuum over slab thickness below which the images of the slab still feel each other.
constexpr double min_vacuum = 2.0;

/// Throws std::invalid_argument when a or b leave the xy plane or the vacuum is thinner than min_vacuum times
/// the slab. Atoms must not be wrapped through the vacuum: z is used as given.
void check_slab(const Cell&, std::int64_t n, const double* positions);

/// Adds the correction and its derivatives to every output that is wanted.
void add_slab_correction(const Cell&, std::int64_t n, const double* positions, const double* charges,
                         const double* dipoles, Output&);

}  // namespace hotpp::pme
