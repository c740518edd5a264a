// SPDX-License-Identifier: GPL-2.0-or-later
// The FFTW3 interface in float and double under one name; for source files only.
#pragma once

#include <fftw3.h>

#include <mutex>

namespace hotpp::pme {

/// The float and double halves of the FFTW interface under one name.
template <class Real>
struct Fftw;

#define HOTPP_FFTW(REAL, PREFIX)                                  \
  template <>                                                     \
  struct Fftw<REAL> {                                             \
    using Complex = PREFIX##_complex;                             \
    using Plan = PREFIX##_plan;                                   \
    static constexpr auto plan_r2c = PREFIX##_plan_many_dft_r2c;  \
    static constexpr auto plan_c2r = PREFIX##_plan_many_dft_c2r;  \
    static constexpr auto plan_c2c = PREFIX##_plan_many_dft;      \
    static constexpr auto execute_r2c = PREFIX##_execute_dft_r2c; \
    static constexpr auto execute_c2r = PREFIX##_execute_dft_c2r; \
    static constexpr auto execute_c2c = PREFIX##_execute_dft;     \
    static constexpr auto destroy = PREFIX##_destroy_plan;        \
  };
HOTPP_FFTW(float, fftwf)
HOTPP_FFTW(double, fftw)
#undef HOTPP_FFTW

template <class Real>
auto as_complex(Real* p) {
  return reinterpret_cast<typename Fftw<Real>::Complex*>(p);
}

template <class Real>
auto as_plan(void* p) {
  return static_cast<typename Fftw<Real>::Plan>(p);
}

/// Planning is not thread-safe in FFTW.
inline std::mutex& fftw_planner() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace hotpp::pme
