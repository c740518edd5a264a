// SPDX-License-Identifier: GPL-2.0-or-later
#define HOTPP_ISA avx512
#define HOTPP_TABLE(REAL) kernels_avx512_##REAL
#include "pme/cpu/kernels_table.h"
