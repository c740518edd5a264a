// SPDX-License-Identifier: GPL-2.0-or-later
#define HOTPP_ISA avx512
#include "ops/atom_update_table.h"
