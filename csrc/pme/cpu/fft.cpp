// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/fft.h"

#include <fftw3.h>

#include <mutex>
#include <stdexcept>

#ifdef HOTPP_MKL
extern "C" void MKL_Get_Version_String(char* buffer, int length);
#endif

namespace hotpp::pme {
namespace {

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
std::mutex& planner() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

template <class Real>
Fft<Real>::Fft(const Grid<Real>& grid, Real* mesh) : grid_(grid) {
  using F = Fftw<Real>;
  const std::lock_guard<std::mutex> lock(planner());
  const auto [k1, k2, k3] = grid.points;
  const int row = static_cast<int>(grid.row);
  const int size[2] = {k2, k3}, real[2] = {k2, row}, half[2] = {k2, row / 2};
  auto* const spectrum = as_complex(mesh);
  // ESTIMATE, not MEASURE: a plan chosen by timing may differ, and with it the last bits, from run to run
  constexpr unsigned flags = FFTW_ESTIMATE;
  plane_forward_ = F::plan_r2c(2, size, 1, mesh, real, 1, 0, spectrum, half, 1, 0, flags);
  plane_backward_ = F::plan_c2r(2, size, 1, spectrum, half, 1, 0, mesh, real, 1, 0, flags);
  const int stride = static_cast<int>(grid.plane / 2);
  slab_forward_ = F::plan_c2c(1, &k1, grid.modes(), spectrum, &k1, stride, 1, spectrum, &k1, stride, 1,
                              FFTW_FORWARD, flags);
  slab_backward_ = F::plan_c2c(1, &k1, grid.modes(), spectrum, &k1, stride, 1, spectrum, &k1, stride, 1,
                               FFTW_BACKWARD, flags);
  if (!plane_forward_ || !plane_backward_ || !slab_forward_ || !slab_backward_)
    throw std::runtime_error(
        "The FFT library refused a plan for a mesh of " + std::to_string(k1) + " x " + std::to_string(k2) +
        " x " + std::to_string(k3) +
        " points: check that it was built for both float and double (fft_library: " + fft_library() + ").");
}

template <class Real>
Fft<Real>::~Fft() {
  const std::lock_guard<std::mutex> lock(planner());
  for (void* plan : {plane_forward_, plane_backward_, slab_forward_, slab_backward_})
    if (plan) Fftw<Real>::destroy(as_plan<Real>(plan));
}

template <class Real>
void Fft<Real>::plane_forward(Real* mesh, int x) const {
  Real* const plane = mesh + x * grid_.plane;
  Fftw<Real>::execute_r2c(as_plan<Real>(plane_forward_), plane, as_complex(plane));
}

template <class Real>
void Fft<Real>::plane_backward(Real* mesh, int x) const {
  Real* const plane = mesh + x * grid_.plane;
  Fftw<Real>::execute_c2r(as_plan<Real>(plane_backward_), as_complex(plane), plane);
}

template <class Real>
void Fft<Real>::slab_forward(Real* mesh, int y) const {
  auto* const slab = as_complex(mesh + y * grid_.row);
  Fftw<Real>::execute_c2c(as_plan<Real>(slab_forward_), slab, slab);
}

template <class Real>
void Fft<Real>::slab_backward(Real* mesh, int y) const {
  auto* const slab = as_complex(mesh + y * grid_.row);
  Fftw<Real>::execute_c2c(as_plan<Real>(slab_backward_), slab, slab);
}

template class Fft<float>;
template class Fft<double>;

std::string fft_library() {
#ifdef HOTPP_MKL
  char text[256] = {};
  MKL_Get_Version_String(text, sizeof(text) - 1);
  return std::string("MKL: ") + text;
#else
  return fftw_version;
#endif
}

}  // namespace hotpp::pme
