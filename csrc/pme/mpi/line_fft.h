// SPDX-License-Identifier: GPL-2.0-or-later
// One-dimensional transforms of mesh lines, the same bits for a line wherever it is stored and whoever owns
// it.
//
// FFT libraries choose other instructions for other alignments and other numbers of transforms, and so other
// last bits. Here every call transforms the same number of lines with the same alignment.
#pragma once

#include <cstddef>

#include "pme/cpu/grid.h"

namespace hotpp::pme {

enum class LineKind { RealToHalfComplex, HalfComplexToReal, Forward, Backward };

/// Reals from one line to the next for lines of `reals` numbers: whole cache lines, and an odd number of
/// them, so that the columns of a transpose do not fall on a few sets of the cache.
template <class Real>
constexpr std::ptrdiff_t line_stride(std::ptrdiff_t reals) {
  constexpr std::ptrdiff_t line = cache_line / sizeof(Real);
  return ((reals + line - 1) / line | 1) * line;
}

template <class Real>
class LineFft {
 public:
  /// Lines that one call transforms; arrays of lines are padded to a multiple.
  static constexpr int batch = 8;

  /// points: real points of a real transform, complex ones of a complex transform; stride in reals.
  LineFft(LineKind kind, int points, std::ptrdiff_t stride);
  ~LineFft();
  LineFft(const LineFft&) = delete;
  LineFft& operator=(const LineFft&) = delete;

  /// In place, not normalised; `lines` aligned to a cache line.
  void operator()(Real* lines) const;

 private:
  void make(int lines);
  void destroy();
  bool all_lines_alike() const;

  LineKind kind_;
  int points_;
  std::ptrdiff_t stride_;
  int per_call_ = batch;  ///< 1 if the library treats the lines of a batch differently
  void* plan_ = nullptr;
};

}  // namespace hotpp::pme
