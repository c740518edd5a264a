// SPDX-License-Identifier: GPL-2.0-or-later
//
// A portable build must not fall back to the instruction set of 2003: the loops are compiled for several, and
// the processor decides at run time.
#include <cstring>

#include "ops/tensor_message_job.h"
#include "pme/cpu/kernels.h"

namespace hotpp::ops {

extern const MessageKernels<float> message_portable_float, message_avx2_float, message_avx512_float;
extern const MessageKernels<double> message_portable_double, message_avx2_double, message_avx512_double;

#ifdef HOTPP_X86_KERNELS
#define HOTPP_CHOOSE(REAL)                                                           \
  template <>                                                                        \
  const MessageKernels<REAL>& message_kernels<REAL>() {                              \
    const char* const isa = pme::instruction_set();                                  \
    if (!std::strcmp(isa, "avx512")) return message_avx512_##REAL;                   \
    return std::strcmp(isa, "avx2") ? message_portable_##REAL : message_avx2_##REAL; \
  }
#else
#define HOTPP_CHOOSE(REAL)                              \
  template <>                                           \
  const MessageKernels<REAL>& message_kernels<REAL>() { \
    return message_portable_##REAL;                     \
  }
#endif

HOTPP_CHOOSE(float)
HOTPP_CHOOSE(double)

}  // namespace hotpp::ops
