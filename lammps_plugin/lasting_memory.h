// SPDX-License-Identifier: GPL-2.0-or-later
// Every step asks for the same large arrays and frees them. The C library gives arrays above 32 MB back to
// the system each time, and the system hands out pages one by one, zeroed: at 8192 ions in double precision
// that costs as much as the atoms' part of the network.
#pragma once

namespace hotpp {

// From now on the process keeps what it frees. Where the C library has no such choice, nothing happens.
void keep_freed_memory();

}  // namespace hotpp
