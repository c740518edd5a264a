// SPDX-License-Identifier: GPL-2.0-or-later
// The kernels of one instruction set; included by the kernel files.
#pragma once

#include "ops/atom_update_backward.h"

#define HOTPP_JOIN_NAMES(A, B) A##B
#define HOTPP_JOIN(A, B) HOTPP_JOIN_NAMES(A, B)

namespace hotpp::ops {

#define HOTPP_DEFINE_TABLE(REAL)                                            \
  extern const UpdateKernels<REAL> HOTPP_JOIN(update_##REAL##_, HOTPP_ISA); \
  const UpdateKernels<REAL> HOTPP_JOIN(update_##REAL##_, HOTPP_ISA){        \
      &HOTPP_ISA::forward_block<REAL>, &HOTPP_ISA::backward_block<REAL>,    \
      &HOTPP_ISA::train_block<HOTPP_ISA::Vec<REAL>, REAL>,                  \
      &HOTPP_ISA::train_block<HOTPP_ISA::Dual<REAL>, REAL>};
HOTPP_DEFINE_TABLE(float)
HOTPP_DEFINE_TABLE(double)

}  // namespace hotpp::ops
