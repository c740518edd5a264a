// SPDX-License-Identifier: GPL-2.0-or-later
// How a kernel is written, once for the device and for the emulated device.
//
// A kernel is a functor with `threads` (per block), `shared_bytes()` and
//   template <class Block> HOTPP_DEVICE void operator()(Block& block) const;
// It is a sequence of phases, block.each(count, f): f(0) ... f(count - 1) are shared out among the threads,
// in any order, and a barrier follows. Nothing outside of phases depends on the thread; what outlives a phase
// lies in shared or global memory. A Block gives:
//   index(), blocks()          which block of how many
//   shared()                   start of the shared memory, aligned to 16 bytes
//   each(count, f)             a phase
//   is_last(counter)           whether all other blocks have come here; then their writes are visible
//   add, fetch_add, maximum, minimum   atomic operations on shared or global memory
#pragma once

#include <cstddef>

#include "pme/host_device.h"

namespace hotpp::pme::cuda {

HOTPP_HOST_DEVICE constexpr int minimum_of(int a, int b) { return a < b ? a : b; }

}  // namespace hotpp::pme::cuda
