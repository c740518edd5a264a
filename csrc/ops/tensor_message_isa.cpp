// SPDX-License-Identifier: GPL-2.0-or-later
//
// A portable build must not fall back to the instruction set of 2003: the loops are compiled for several, and
// the processor decides at run time.
#include <cstring>

#include "ops/tensor_message_job.h"
#include "pme/cpu/kernels.h"

namespace hotpp::ops {

#define HOTPP_DECLARE(REAL)                                                                    \
  extern const MessageKernels<REAL>*const message_portable_##REAL, *const message_avx2_##REAL, \
                                                                       *const message_avx512_##REAL;
HOTPP_DECLARE(float)
HOTPP_DECLARE(double)

namespace {

template <class Real>
const MessageKernels<Real>& for_channels(const MessageKernels<Real>* tables, std::int64_t channels) {
  const std::int64_t lanes = tables[0].lanes;
  channels = (channels + lanes - 1) / lanes * lanes;
  for (int k = 1; k < kMessageTables; ++k) {
    if (tables[k].channels == channels) return tables[k];
  }
  return tables[0];
}

}  // namespace

#ifdef HOTPP_X86_KERNELS
#define HOTPP_CHOOSE(REAL)                                                                 \
  template <>                                                                              \
  const MessageKernels<REAL>& message_kernels<REAL>(std::int64_t channels) {               \
    const char* const isa = pme::instruction_set();                                        \
    if (!std::strcmp(isa, "avx512")) return for_channels(message_avx512_##REAL, channels); \
    if (!std::strcmp(isa, "avx2")) return for_channels(message_avx2_##REAL, channels);     \
    return for_channels(message_portable_##REAL, channels);                                \
  }
#else
#define HOTPP_CHOOSE(REAL)                                                   \
  template <>                                                                \
  const MessageKernels<REAL>& message_kernels<REAL>(std::int64_t channels) { \
    return for_channels(message_portable_##REAL, channels);                  \
  }
#endif

HOTPP_CHOOSE(float)
HOTPP_CHOOSE(double)

}  // namespace hotpp::ops
