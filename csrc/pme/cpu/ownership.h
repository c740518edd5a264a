// SPDX-License-Identifier: GPL-2.0-or-later
// Cache lines that several threads use.
//
// Between cores without a common cache [measured, Zen 4] a line that one core alone has comes to the other in
// 3 ns, if it is written to at once. One that has only been read stays with both, and the next to write it,
// whoever that is, waits 27 ns for each: ten times as long. Prefetching, also prefetchw, counts as reading.
// So a thread that is about to read what another one has written, and that one of the two will write next,
// takes such lines over by writing to them what they hold.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pme/cpu/grid.h"

namespace hotpp::pme {

/// Makes `size` numbers this thread's own. Nobody may change them meanwhile; others may read them.
template <class T>
inline void take_over(T* from, std::ptrdiff_t size) {
#if defined(__GNUC__)
  static_assert(sizeof(T) % sizeof(std::int32_t) == 0, "touched by whole words");
  auto* const words = reinterpret_cast<char*>(from);
  const std::ptrdiff_t bytes = size * static_cast<std::ptrdiff_t>(sizeof(T));
  for (std::ptrdiff_t at = 0; at < bytes; at += cache_line) {
    std::int32_t word;
    asm volatile("" : : : "memory");
    __builtin_memcpy(&word, words + at, sizeof(word));
    asm volatile("" : "+r"(word) : : "memory");  // the compiler must not see that nothing changes
    __builtin_memcpy(words + at, &word, sizeof(word));
  }
  asm volatile("" : : : "memory");
#endif
}

}  // namespace hotpp::pme
