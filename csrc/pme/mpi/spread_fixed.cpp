// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/spread_fixed.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "pme/cpu/threads.h"
#include "pme/splines.h"

// A version with 256-bit vectors beside the portable one, chosen by the loader. Without fused multiply-add,
// so that both give the same whole numbers: ranks may run on different processors.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__AVX2__)
#define HOTPP_CLONES __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define HOTPP_CLONES
#endif
#define HOTPP_INLINE inline __attribute__((always_inline))

namespace hotpp::pme {
namespace {

/// A few neighbours of a mesh row in vector registers; the compiler's own vectors, as in cpu/simd.h.
template <class Real, int W>
struct Lanes {
  static constexpr int bytes = W * sizeof(Real) < 32 ? W * sizeof(Real) : 32, lanes = bytes / sizeof(Real),
                       count = W / lanes;
  typedef Real Reals __attribute__((vector_size(bytes)));
  typedef FixedInt<Real> Ints __attribute__((vector_size(bytes)));
  typedef typename FixedPoint<Real>::Unsigned Unsigned __attribute__((vector_size(bytes)));
};

// Nearest whole number of each lane, ties to even: one instruction, also without vectors.
template <class Ints, class Reals>
HOTPP_INLINE Ints rounded(Reals value, float) {
  constexpr int lanes = sizeof(Reals) / sizeof(float);
  float from[lanes];
  std::int32_t to[lanes];
  std::memcpy(from, &value, sizeof(from));
  for (int j = 0; j < lanes; ++j) to[j] = __builtin_irintf(from[j]);
  Ints result;
  std::memcpy(&result, to, sizeof(to));
  return result;
}
/// |value| <= 2^51: added to 1.5 · 2^52, the number is in the low bits of the sum.
template <class Ints, class Reals>
HOTPP_INLINE Ints rounded(Reals value, double) {
  return reinterpret_cast<Ints>(value + 0x1.8p52) - 0x4338000000000000;
}

/// Added before the rounding of a float mesh. Most of the weights at the rim of a stencil are less than half
/// a unit: without it they would all become zero, and every charge be too small by the same little, 2e-7 eV
/// per atom. With shifts spread evenly over one unit, sums are right on average. They are multiples of the
/// golden ratio, whose sums over neighbours stay small, and begin where the position of the atom in its mesh
/// cell says: the same on any number of ranks.
class Shifts {
 public:
  static constexpr int period = 64, longest_row = 16;
  constexpr Shifts() : values_() {
    for (int j = 0; j < period + longest_row; ++j)
      values_[j] = static_cast<float>(static_cast<std::uint32_t>(j % period) * 2654435769u) * 0x1p-32f - 0.5f;
  }
  static std::uint32_t start(const float offset[3]) {
    std::uint32_t bits[3];
    std::memcpy(bits, offset, sizeof(bits));
    std::uint32_t hash = bits[0] * 0x9e3779b1u ^ bits[1] * 0x85ebca77u ^ bits[2] * 0xc2b2ae3du;
    hash = (hash ^ (hash >> 15)) * 0x2c1b3c6du;
    return hash >> 16;
  }
  const float* row(std::uint32_t start, int x, int y) const {
    return values_ + (start + 23u * static_cast<unsigned>(x) + 39u * static_cast<unsigned>(y)) % period;
  }

 private:
  float values_[period + longest_row];
};
constexpr Shifts shifts;

/// Planes [x0, x1) of the window with all the atoms that touch them; the sign bit of the result: overflow.
/// A sum counts as overflowed from half of the largest integer on, where the two highest bits differ. One
/// contribution is at most 1/16 of that and cannot jump over it.
template <class Real, int P, bool Dipoles>
HOTPP_CLONES FixedInt<Real> spread_planes(const Grid<Real>& window, const WindowAtoms<Real>& atoms,
                                          Real scale, int x0, int x1, FixedInt<Real>* mesh) {
  constexpr int W = padded_order(P);
  using L = Lanes<Real, W>;
  using Int = FixedInt<Real>;
  constexpr bool dithers = std::is_same_v<Real, float>;
  typename L::Unsigned lost[L::count] = {};
  const std::ptrdiff_t stride = window.row;
  std::fill(mesh + x0 * window.plane, mesh + x1 * window.plane, Int(0));
  const std::int64_t end = atoms.plane_begin(std::min(x1, window.points[0] - P + 1));
  for (std::int64_t i = atoms.plane_begin(std::max(0, x0 - P + 1)); i < end; ++i) {
    const MeshAtom<Real> atom = atoms.atoms()[i];  // a copy: the mesh has integers, too
    const Real* const c = atoms.coefficients() + 4 * i;
    alignas(cache_line) Real x[W], y[W], z[W], dx[W], dy[W], dz[W];
    spline_weights<P, 0, W>(atom.offset[0], x);
    spline_weights<P, 0, W>(atom.offset[1], y);
    spline_weights<P, 0, W>(atom.offset[2], z);
    const Real charge = scale * c[0];
    if constexpr (Dipoles) {
      const Real dipole[3] = {scale * c[1], scale * c[2], scale * c[3]};
      spline_weights<P, 1, W>(atom.offset[0], dx);
      spline_weights<P, 1, W>(atom.offset[1], dy);
      spline_weights<P, 1, W>(atom.offset[2], dz);
      for (int j = 0; j < W; ++j) {
        dx[j] = charge * x[j] + dipole[0] * dx[j];
        dy[j] *= dipole[1];
        dz[j] *= dipole[2];
      }
    } else {
      for (int j = 0; j < W; ++j) x[j] *= charge;
    }
    typename L::Reals zs[L::count], dzs[L::count];
    std::memcpy(zs, z, sizeof(zs));
    if constexpr (Dipoles) std::memcpy(dzs, dz, sizeof(dzs));
    [[maybe_unused]] std::uint32_t start = 0;
    if constexpr (dithers) start = Shifts::start(atom.offset);
    const int b = atom.first[0], lx_end = std::min(P, x1 - b);
    for (int lx = std::max(0, x0 - b); lx < lx_end; ++lx) {
      alignas(cache_line) Real c0[W], c1[W];  // of all rows at once
      for (int j = 0; j < W; ++j) {
        c1[j] = x[lx] * y[j];
        c0[j] = Dipoles ? dx[lx] * y[j] + x[lx] * dy[j] : c1[j];
      }
      Int* row = mesh + (b + lx) * window.plane + atom.first[1] * stride + atom.first[2];
      for (int ly = 0; ly < P; ++ly, row += stride) {
        for (int n = 0; n < L::count; ++n) {
          typename L::Reals value = c0[ly] * zs[n];
          if constexpr (dithers) {
            typename L::Reals shift;
            std::memcpy(&shift, shifts.row(start, lx, ly) + n * L::lanes, sizeof(shift));
            value += shift;
          }
          if constexpr (Dipoles) value += c1[ly] * dzs[n];
          const auto add = reinterpret_cast<typename L::Unsigned>(rounded<typename L::Ints>(value, Real()));
          typename L::Unsigned sum;
          std::memcpy(&sum, row + n * L::lanes, sizeof(sum));
          sum += add;
          std::memcpy(row + n * L::lanes, &sum, sizeof(sum));
          lost[n] |= sum ^ (sum + sum);
        }
      }
    }
  }
  Int any = 0;
  for (int n = 0; n < L::count; ++n)
    for (int j = 0; j < L::lanes; ++j) any |= static_cast<Int>(lost[n][j]);
  return any;
}

/// Calls f(to, from, count) for runs of points where `from` is a mesh length behind `to`: along z, y, then x.
template <class Real, class F>
void for_each_repeated(const Grid<Real>& window, const std::array<int, 3>& mesh, F&& f) {
  std::array<int, 3> size;
  for (int d = 0; d < 3; ++d) size[d] = std::min(window.points[d], mesh[d]);
  if (window.points[2] > size[2])
    for (int x = 0; x < window.points[0]; ++x)
      for (int y = 0; y < window.points[1]; ++y)
        f(x * window.plane + y * window.row, size[2], window.points[2] - size[2]);
  for (int y = size[1]; y < window.points[1]; ++y)
    for (int x = 0; x < window.points[0]; ++x)
      f(x * window.plane + (y - size[1]) * window.row, size[1] * window.row, window.points[2]);
  for (int x = size[0]; x < window.points[0]; ++x)
    for (int y = 0; y < window.points[1]; ++y)
      f((x - size[0]) * window.plane + y * window.row, size[0] * window.plane, window.points[2]);
}

}  // namespace

template <class Real>
int fixed_point_exponent(double largest) {
  if (!(largest > 0.0)) return 0;
  int exponent;
  std::frexp(largest, &exponent);  // largest < 2^exponent
  // what is smaller than 1e-30 e is not worth a scale that overflows the mesh's numbers
  return FixedPoint<Real>::bits - std::max(exponent, -70);
}

template <class Real>
bool spread_fixed(const Grid<Real>& window, const WindowAtoms<Real>& atoms, bool dipoles, int exponent,
                  FixedInt<Real>* mesh) {
  if (atoms.size() == 0) return true;
  const Real scale = static_cast<Real>(std::ldexp(1.0, exponent));
  const int threads = max_threads(), planes = window.points[0];
  FixedInt<Real> lost = 0;
  with_order(window.order, [&](auto order) {
    constexpr int P = decltype(order)::value;
#pragma omp parallel for schedule(static, 1) reduction(| : lost)
    for (int t = 0; t < threads; ++t) {
      const int x0 = planes * t / threads, x1 = planes * (t + 1) / threads;
      lost |= dipoles ? spread_planes<Real, P, true>(window, atoms, scale, x0, x1, mesh)
                      : spread_planes<Real, P, false>(window, atoms, scale, x0, x1, mesh);
    }
  });
  return lost >= 0;
}

template <class Real>
bool fold(const Grid<Real>& window, const std::array<int, 3>& mesh, FixedInt<Real>* values) {
  FixedInt<Real> lost = 0;
  for_each_repeated(window, mesh, [&](std::ptrdiff_t to, std::ptrdiff_t distance, int count) {
    for (int j = 0; j < count; ++j) lost |= add_checked<Real>(values + to + j, values[to + distance + j]);
  });
  return lost >= 0;
}

template <class Real>
void unfold(const Grid<Real>& window, const std::array<int, 3>& mesh, Real* values) {
  for_each_repeated(window, mesh, [&](std::ptrdiff_t to, std::ptrdiff_t distance, int count) {
    std::copy_n(values + to, count, values + to + distance);
  });
  // the gather kernels read whole vectors; what they read too much is multiplied by zero and must be finite
  for (int x = 0; x < window.points[0]; ++x)
    for (int y = 0; y < window.points[1]; ++y) {
      Real* const row = values + x * window.plane + y * window.row;
      std::fill(row + window.points[2], row + window.row, Real(0));
    }
}

#define HOTPP_FIXED(REAL)                                                                              \
  template int fixed_point_exponent<REAL>(double);                                                     \
  template bool spread_fixed(const Grid<REAL>&, const WindowAtoms<REAL>&, bool, int, FixedInt<REAL>*); \
  template bool fold(const Grid<REAL>&, const std::array<int, 3>&, FixedInt<REAL>*);                   \
  template void unfold(const Grid<REAL>&, const std::array<int, 3>&, REAL*);
HOTPP_FIXED(float)
HOTPP_FIXED(double)

}  // namespace hotpp::pme
