// SPDX-License-Identifier: GPL-2.0-or-later
#define HOTPP_ISA avx2
#define HOTPP_TABLE(REAL) kernels_avx2_##REAL
#include "pme/cpu/kernels_table.h"
