// SPDX-License-Identifier: GPL-2.0-or-later
#define HOTPP_ISA portable
#define HOTPP_REAL float
#define HOTPP_MESSAGE_TABLE message_portable_float
#include "ops/tensor_message_table.h"
