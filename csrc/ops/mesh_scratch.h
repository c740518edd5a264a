// SPDX-License-Identifier: GPL-2.0-or-later
//
// Memory and tables of transforms that outlive a call: freshly mapped pages and roots of unity cost more than
// a small mesh.
#pragma once

#include <array>
#include <memory>

#include "pme/cpu/grid.h"
#include "pme/cpu/line_transform.h"

namespace hotpp::ops {

enum class Purpose { Mesh, Lines, Atoms };

// Memory of this thread, aligned to a cache line, contents undefined; valid until the next call with the same
// purpose and Real. What the largest mesh needed stays allocated.
template <class Real>
Real* scratch(Purpose purpose, std::size_t size);

// The transforms along the axes of a mesh.
template <class Real>
struct Transforms {
  pme::LineTransform<Real> x, y, z;
  explicit Transforms(const std::array<int, 3>& mesh) : x(mesh[0]), y(mesh[1]), z(mesh[2]) {}
};

// Made once per mesh; usable by several threads at a time.
template <class Real>
std::shared_ptr<const Transforms<Real>> transforms(const std::array<int, 3>& mesh);

}  // namespace hotpp::ops
