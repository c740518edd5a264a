// SPDX-License-Identifier: GPL-2.0-or-later
#include "lasting_memory.h"

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace hotpp {

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);  // a larger M_MMAP_THRESHOLD than 32 MB is refused
  mallopt(M_TRIM_THRESHOLD, -1);
#endif
}

}  // namespace hotpp
