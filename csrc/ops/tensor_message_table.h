// SPDX-License-Identifier: GPL-2.0-or-later
// The loops of one instruction set and one precision: HOTPP_ISA, HOTPP_REAL and the name HOTPP_MESSAGE_TABLE
// are given by the file that includes this.
#include "ops/tensor_message_loops.h"

namespace hotpp::ops {
namespace HOTPP_ISA {

// Only the rank pairs of models have loops for a number of channels.
constexpr int known_channels(int channels, int rank_in, int rank_out) {
  return rank_out > 0 && (rank_in == 0 || rank_in == rank_out) ? channels : 0;
}

#define HOTPP_PAIR(LOOP, IN, OUT, S, C) LOOP<IN, OUT, S, known_channels(C, IN, OUT), HOTPP_REAL>
#define HOTPP_FROM(LOOP, IN, S, C) \
  {HOTPP_PAIR(LOOP, IN, 0, S, C), HOTPP_PAIR(LOOP, IN, 1, S, C), HOTPP_PAIR(LOOP, IN, 2, S, C)}
#define HOTPP_PAIRS(LOOP, S, C) \
  {HOTPP_FROM(LOOP, 0, S, C), HOTPP_FROM(LOOP, 1, S, C), HOTPP_FROM(LOOP, 2, S, C)}
#define HOTPP_LOOPS(LOOP, C) {HOTPP_PAIRS(LOOP, HOTPP_REAL, C), HOTPP_PAIRS(LOOP, Dual<HOTPP_REAL>, C)}

#define HOTPP_TABLE(C)                                                                           \
  {HOTPP_ISA::lanes<HOTPP_REAL>, C, HOTPP_LOOPS(sum_messages, C), HOTPP_LOOPS(sum_gradients, C), \
   HOTPP_LOOPS(sum_table_gradients, C)}

constexpr MessageKernels<HOTPP_REAL> message_tables[kMessageTables] = {HOTPP_TABLE(0), HOTPP_TABLE(32),
                                                                       HOTPP_TABLE(64), HOTPP_TABLE(128)};

}  // namespace HOTPP_ISA

extern const MessageKernels<HOTPP_REAL>* const HOTPP_MESSAGE_TABLE;
const MessageKernels<HOTPP_REAL>* const HOTPP_MESSAGE_TABLE = HOTPP_ISA::message_tables;

}  // namespace hotpp::ops
