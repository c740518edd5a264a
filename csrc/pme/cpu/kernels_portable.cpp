// SPDX-License-Identifier: GPL-2.0-or-later
#define HOTPP_ISA portable
#define HOTPP_TABLE(REAL) kernels_portable_##REAL
#include "pme/cpu/kernels_table.h"
