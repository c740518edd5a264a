// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/kernels.h"

#include <cstdlib>
#include <cstring>

namespace hotpp::pme {

extern const Kernels<float> kernels_portable_float, kernels_avx2_float, kernels_avx512_float;
extern const Kernels<double> kernels_portable_double, kernels_avx2_double, kernels_avx512_double;

namespace {

enum class Isa { portable, avx2, avx512 };

/// HOTPP_ISA=portable|avx2|avx512 in the environment lowers the choice, for tests and comparisons.
Isa detect() {
#ifdef HOTPP_X86_KERNELS
  __builtin_cpu_init();
  const char* const wanted = std::getenv("HOTPP_ISA");
  if (wanted && !std::strcmp(wanted, "portable")) return Isa::portable;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::portable;
  if (wanted && !std::strcmp(wanted, "avx2")) return Isa::avx2;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  if (!avx512) return Isa::avx2;
  return Isa::avx512;
#else
  return Isa::portable;
#endif
}

Isa isa() {
  static const Isa chosen = detect();
  return chosen;
}

template <class Table>
const Table& choose(const Table& portable, [[maybe_unused]] const Table* avx2,
                    [[maybe_unused]] const Table* avx512) {
  switch (isa()) {
    case Isa::avx512:
      return *avx512;
    case Isa::avx2:
      return *avx2;
    default:
      return portable;
  }
}

#ifdef HOTPP_X86_KERNELS
#define HOTPP_CHOOSE(REAL) choose(kernels_portable_##REAL, &kernels_avx2_##REAL, &kernels_avx512_##REAL)
#else
#define HOTPP_CHOOSE(REAL) kernels_portable_##REAL
#endif

}  // namespace

template <>
const Kernels<float>& kernels<float>() {
  return HOTPP_CHOOSE(float);
}
template <>
const Kernels<double>& kernels<double>() {
  return HOTPP_CHOOSE(double);
}

const char* instruction_set() {
  switch (isa()) {
    case Isa::avx512:
      return "avx512";
    case Isa::avx2:
      return "avx2";
    default:
      return "portable";
  }
}

}  // namespace hotpp::pme
