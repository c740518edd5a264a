// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/line_fft.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "pme/cpu/fft.h"
#include "pme/cpu/fftw.h"

namespace hotpp::pme {

template <class Real>
LineFft<Real>::LineFft(LineKind kind, int points, std::ptrdiff_t stride)
    : kind_(kind), points_(points), stride_(stride) {
  make(batch);
  if (!all_lines_alike()) {
    destroy();
    make(1);
  }
}

template <class Real>
void LineFft<Real>::make(int lines) {
  using F = Fftw<Real>;
  per_call_ = lines;
  AlignedArray<Real> scratch(static_cast<std::size_t>(stride_) * batch);
  Real* const real = scratch.data();
  auto* const complex = as_complex(real);
  const int* const n = &points_;
  const int far = static_cast<int>(stride_), near = far / 2;
  constexpr unsigned flags = FFTW_ESTIMATE;  // never by timing: the choice must be the same on all ranks
  const std::lock_guard<std::mutex> lock(fftw_planner());
  switch (kind_) {
    case LineKind::RealToHalfComplex:
      plan_ = F::plan_r2c(1, n, lines, real, nullptr, 1, far, complex, nullptr, 1, near, flags);
      break;
    case LineKind::HalfComplexToReal:
      plan_ = F::plan_c2r(1, n, lines, complex, nullptr, 1, near, real, nullptr, 1, far, flags);
      break;
    case LineKind::Forward:
    case LineKind::Backward:
      plan_ = F::plan_c2c(1, n, lines, complex, nullptr, 1, near, complex, nullptr, 1, near,
                          kind_ == LineKind::Forward ? FFTW_FORWARD : FFTW_BACKWARD, flags);
  }
  if (!plan_)
    throw std::runtime_error(
        "The FFT library refused a plan for lines of " + std::to_string(points_) +
        " points: check that it was built for both float and double (fft_library: " + fft_library() + ").");
}

template <class Real>
void LineFft<Real>::destroy() {
  const std::lock_guard<std::mutex> lock(fftw_planner());
  if (plan_) Fftw<Real>::destroy(as_plan<Real>(plan_));
  plan_ = nullptr;
}

template <class Real>
LineFft<Real>::~LineFft() {
  destroy();
}

template <class Real>
void LineFft<Real>::operator()(Real* lines) const {
  using F = Fftw<Real>;
  const auto plan = as_plan<Real>(plan_);
  for (int k = 0; k < batch; k += per_call_, lines += per_call_ * stride_) {
    auto* const complex = as_complex(lines);
    switch (kind_) {
      case LineKind::RealToHalfComplex:
        F::execute_r2c(plan, lines, complex);
        break;
      case LineKind::HalfComplexToReal:
        F::execute_c2r(plan, complex, lines);
        break;
      default:
        F::execute_c2c(plan, complex, complex);
    }
  }
}

/// Puts one line into every place of a batch, among others, and looks whether its transform is the same.
template <class Real>
bool LineFft<Real>::all_lines_alike() const {
  AlignedArray<Real> lines(static_cast<std::size_t>(stride_) * batch);
  const std::size_t used = kind_ == LineKind::RealToHalfComplex   ? points_
                           : kind_ == LineKind::HalfComplexToReal ? points_ / 2 * 2 + 2
                                                                  : 2 * static_cast<std::size_t>(points_);
  const std::size_t result = kind_ == LineKind::RealToHalfComplex   ? points_ / 2 * 2 + 2
                             : kind_ == LineKind::HalfComplexToReal ? points_
                                                                    : 2 * static_cast<std::size_t>(points_);
  AlignedArray<Real> first(result);
  for (int place = 0; place < batch; ++place) {
    for (int k = 0; k < batch; ++k) {
      Real* const line = lines.data() + k * stride_;
      std::fill_n(line, stride_, Real(0));
      for (std::size_t j = 0; j < used; ++j)
        line[j] = static_cast<Real>(
            std::sin(1.0 + 0.7 * static_cast<double>(j) + (k == place ? 0 : 1 + k + place)));
      // the imaginary parts of the modes that are their own mirror image are zero
      if (kind_ == LineKind::HalfComplexToReal) line[1] = line[used - (points_ % 2 ? used - 1 : 1)] = Real(0);
    }
    (*this)(lines.data());
    const Real* const line = lines.data() + place * stride_;
    if (place == 0) std::copy_n(line, result, first.data());
    if (std::memcmp(line, first.data(), result * sizeof(Real)) != 0) return false;
  }
  return true;
}

template class LineFft<float>;
template class LineFft<double>;

}  // namespace hotpp::pme
