// SPDX-License-Identifier: GPL-2.0-or-later
//
// Memory and transforms that outlive a call: freshly mapped pages and new FFT plans cost more than a small
// mesh.
#pragma once

#include <memory>

#include "pme/cpu/fft.h"
#include "pme/cpu/grid.h"

namespace hotpp::ops {

// Memory of this thread, aligned to a cache line, contents undefined; valid until the next call with the same
// Real. At most what the largest mesh needs stays allocated.
template <class Real>
Real* scratch(std::size_t size);

// The transforms of a grid, made once per mesh and layout; usable by several threads at a time.
template <class Real>
std::shared_ptr<const pme::Fft<Real>> transforms(const pme::Grid<Real>& grid);

}  // namespace hotpp::ops
