// SPDX-License-Identifier: GPL-2.0-or-later
#define HOTPP_ISA avx2
#define HOTPP_REAL float
#define HOTPP_MESSAGE_TABLE message_avx2_float
#include "ops/tensor_message_table.h"
