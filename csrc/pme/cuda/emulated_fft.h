// SPDX-License-Identifier: GPL-2.0-or-later
// Real-to-complex transform in place for the emulated device, in float64: a plain mixed-radix recursion, so
// that no FFT library is needed where a device is tested. Not normalised; forward uses exp(-i k r).
#pragma once

#include <complex>
#include <vector>

#include "pme/constants.h"
#include "pme/cuda/layout.h"

namespace hotpp::pme::cuda {

class LineFft {
 public:
  explicit LineFft(int size) : size_(size), roots_(size), scratch_(size) {
    for (int i = 0; i < size; ++i) roots_[i] = std::polar(1.0, -2.0 * pi * i / size);
  }
  void operator()(std::vector<std::complex<double>>& line, bool inverse) {
    if (inverse)
      for (auto& value : line) value = std::conj(value);
    transform(line.data(), scratch_.data(), size_, 1);
    if (inverse)
      for (auto& value : line) value = std::conj(value);
  }

 private:
  /// Cooley-Tukey by the smallest prime factor; in: every `stride`-th root belongs to this length.
  void transform(std::complex<double>* values, std::complex<double>* scratch, int n, int stride) {
    if (n == 1) return;
    int radix = 2;
    while (n % radix != 0) radix = radix * radix > n ? n : radix + 1;
    const int m = n / radix;
    for (int r = 0; r < radix; ++r)
      for (int i = 0; i < m; ++i) scratch[r * m + i] = values[i * radix + r];
    for (int r = 0; r < radix; ++r) transform(scratch + r * m, values + r * m, m, stride * radix);
    for (int k = 0; k < n; ++k) {
      std::complex<double> sum = scratch[k % m];
      for (int r = 1; r < radix; ++r)
        sum += scratch[r * m + k % m] * roots_[static_cast<long long>(r) * k % n * stride];
      values[k] = sum;
    }
  }

  int size_;
  std::vector<std::complex<double>> roots_, scratch_;
};

template <class Real>
class EmulatedFft {
 public:
  explicit EmulatedFft(const Layout& layout)
      : layout_(layout),
        lines_{LineFft(layout.points[0]), LineFft(layout.points[1]), LineFft(layout.points[2])} {}

  void forward(Real* mesh) {
    const int k3 = layout_.points[2];
    std::vector<std::complex<double>> line(k3);
    for (int r = 0; r < layout_.points[0] * layout_.points[1]; ++r) {
      Real* const row = mesh + static_cast<std::ptrdiff_t>(r) * layout_.row;
      for (int z = 0; z < k3; ++z) line[z] = row[z];
      lines_[2](line, false);
      for (int z = 0; z < layout_.modes(); ++z) store(row, z, line[z]);
    }
    columns(mesh, 1, false);
    columns(mesh, 0, false);
  }

  void backward(Real* mesh) {
    columns(mesh, 0, true);
    columns(mesh, 1, true);
    const int k3 = layout_.points[2];
    std::vector<std::complex<double>> line(k3);
    for (int r = 0; r < layout_.points[0] * layout_.points[1]; ++r) {
      Real* const row = mesh + static_cast<std::ptrdiff_t>(r) * layout_.row;
      for (int z = 0; z < k3; ++z)
        line[z] = z < layout_.modes() ? load(row, z) : std::conj(load(row, k3 - z));
      lines_[2](line, true);
      for (int z = 0; z < k3; ++z) row[z] = static_cast<Real>(line[z].real());
    }
  }

 private:
  static std::complex<double> load(const Real* row, int z) { return {row[2 * z], row[2 * z + 1]}; }
  static void store(Real* row, int z, std::complex<double> value) {
    row[2 * z] = static_cast<Real>(value.real());
    row[2 * z + 1] = static_cast<Real>(value.imag());
  }

  /// Transforms of the spectrum along x (axis 0) or y (axis 1).
  void columns(Real* mesh, int axis, bool inverse) {
    const int length = layout_.points[axis], others = layout_.points[1 - axis];
    const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(layout_.points[1]) * layout_.row;
    const std::ptrdiff_t step = axis == 0 ? plane : layout_.row, other_step = axis == 0 ? layout_.row : plane;
    std::vector<std::complex<double>> line(length);
    for (int other = 0; other < others; ++other)
      for (int z = 0; z < layout_.modes(); ++z) {
        Real* const begin = mesh + other * other_step;
        for (int i = 0; i < length; ++i) line[i] = load(begin + i * step, z);
        lines_[axis](line, inverse);
        for (int i = 0; i < length; ++i) store(begin + i * step, z, line[i]);
      }
  }

  Layout layout_;
  LineFft lines_[3];
};

}  // namespace hotpp::pme::cuda
