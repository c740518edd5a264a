// SPDX-License-Identifier: GPL-2.0-or-later
// The loops of one instruction set and one precision: HOTPP_ISA, HOTPP_REAL and the name HOTPP_MESSAGE_TABLE
// are given by the file that includes this.
#include "ops/tensor_message_loops.h"

namespace hotpp::ops {

#define HOTPP_FROM(LOOP, RANK_IN, S) \
  {LOOP<RANK_IN, 0, S, HOTPP_REAL>, LOOP<RANK_IN, 1, S, HOTPP_REAL>, LOOP<RANK_IN, 2, S, HOTPP_REAL>}
#define HOTPP_PAIRS(LOOP, S) {HOTPP_FROM(LOOP, 0, S), HOTPP_FROM(LOOP, 1, S), HOTPP_FROM(LOOP, 2, S)}
#define HOTPP_LOOPS(LOOP) {HOTPP_PAIRS(LOOP, HOTPP_REAL), HOTPP_PAIRS(LOOP, Dual<HOTPP_REAL>)}

extern const MessageKernels<HOTPP_REAL> HOTPP_MESSAGE_TABLE;
const MessageKernels<HOTPP_REAL> HOTPP_MESSAGE_TABLE = {
    HOTPP_ISA::lanes<HOTPP_REAL>, HOTPP_LOOPS(HOTPP_ISA::sum_messages), HOTPP_LOOPS(HOTPP_ISA::sum_gradients),
    HOTPP_LOOPS(HOTPP_ISA::sum_table_gradients)};

}  // namespace hotpp::ops
