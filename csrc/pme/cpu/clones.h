// SPDX-License-Identifier: GPL-2.0-or-later
// HOTPP_CLONES before a function: the compiler makes a version for 256-bit vectors with fused multiply-add
// beside the portable one, and the loader chooses by processor. A stencil row (at most 8 numbers) gains
// little from more.
#pragma once

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(__FMA__)
#define HOTPP_CLONES __attribute__((target_clones("default", "fma")))
#else
#define HOTPP_CLONES
#endif
