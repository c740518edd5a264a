// SPDX-License-Identifier: GPL-2.0-or-later
//
// Products of rows of activations with a matrix of a layer, on a device. A thread has a tile of some rows by
// four columns in registers. Four inputs of a row are one load from shared memory, which all threads of the
// row share; the matrix is read from global memory, that is from the first-level cache, since the threads of
// a block read the same rows of it at nearly the same time.
#pragma once

#include <cmath>
#include <cstdint>

#include "pme/host_device.h"

namespace hotpp::ops::device {

/// Four neighbouring channels, moved by instructions of 16 bytes.
template <class Real>
struct alignas(16) Quad {
  Real x[4];
};

#define HOTPP_QUAD_OPERATOR(OP)                                                               \
  template <class Real>                                                                       \
  HOTPP_HOST_DEVICE inline Quad<Real> operator OP(const Quad<Real>& a, const Quad<Real>& b) { \
    return {{a.x[0] OP b.x[0], a.x[1] OP b.x[1], a.x[2] OP b.x[2], a.x[3] OP b.x[3]}};        \
  }
HOTPP_QUAD_OPERATOR(+)
HOTPP_QUAD_OPERATOR(-)
HOTPP_QUAD_OPERATOR(*)
#undef HOTPP_QUAD_OPERATOR
template <class Real>
HOTPP_HOST_DEVICE inline Quad<Real> operator*(Real a, const Quad<Real>& b) {
  return {{a * b.x[0], a * b.x[1], a * b.x[2], a * b.x[3]}};
}
template <class Real>
HOTPP_HOST_DEVICE inline Quad<Real>& operator+=(Quad<Real>& a, const Quad<Real>& b) {
  return a = a + b;
}
template <class Real>
HOTPP_HOST_DEVICE inline Quad<Real> complement(const Quad<Real>& a) {
  return {{1 - a.x[0], 1 - a.x[1], 1 - a.x[2], 1 - a.x[3]}};
}

/// 1 / (1 + e^-x): 0 and 1 where e^-x has no value.
template <class Real>
HOTPP_HOST_DEVICE inline Quad<Real> logistic(const Quad<Real>& a) {
  using std::exp;
  Quad<Real> g;
  HOTPP_UNROLL
  for (int n = 0; n < 4; ++n) g.x[n] = 1 / (1 + exp(-a.x[n]));
  return g;
}

template <class Real>
struct Silu {
  Quad<Real> value, slope;

  HOTPP_HOST_DEVICE explicit Silu(const Quad<Real>& a) {
    const Quad<Real> gate = logistic(a);
    value = a * gate;
    slope = gate + value * complement(gate);
  }
};

/// At p, aligned to 16 bytes.
template <class Real>
HOTPP_HOST_DEVICE inline const Quad<Real>& quad(const Real* p) {
  return *reinterpret_cast<const Quad<Real>*>(p);
}
template <class Real>
HOTPP_HOST_DEVICE inline Quad<Real>& quad(Real* p) {
  return *reinterpret_cast<Quad<Real>*>(p);
}

/// The first `count` numbers at p (at most four), zeros behind them; no alignment.
template <class Real>
HOTPP_HOST_DEVICE inline Quad<Real> some(const Real* p, int count) {
  Quad<Real> a;
  HOTPP_UNROLL
  for (int n = 0; n < 4; ++n) a.x[n] = n < count ? p[n] : Real(0);
  return a;
}

/// Rows times `Matrices` matrices of the same size; sum[m * Rows + r] belongs to row r and matrix m.
template <int Rows, class Real, int Matrices = 1>
struct Tile {
  Quad<Real> sum[Matrices * Rows];

  HOTPP_DEVICE Tile() { start({}); }
  HOTPP_DEVICE explicit Tile(const Quad<Real>& bias) { start(bias); }

  /// += inputs · matrix. matrix: [channels, row] from the first of the four columns on, the next one `size`
  /// numbers behind it; inputs(r, k): inputs k ... k + 3 of row r, of which those at `channels` and above may
  /// be anything.
  template <class Inputs>
  HOTPP_DEVICE void add(const Real* matrix, std::int64_t size, int row, int channels, const Inputs& inputs) {
    // Inputs are loaded once for all matrices, unless the registers are too few for that.
    constexpr int together = sizeof(Real) == 4 ? Matrices : 1;
    HOTPP_UNROLL
    for (int m = 0; m < Matrices; m += together) {
      const Real* w = matrix + m * size;
      int k = 0;
      for (; k + 4 <= channels; k += 4) {
        step<together, 4>(sum + m * Rows, w, size, row, k, 4, inputs);
        w += 4 * row;
      }
      if (k < channels) step<together, 3>(sum + m * Rows, w, size, row, k, channels - k, inputs);
    }
  }

 private:
  HOTPP_DEVICE void start(const Quad<Real>& bias) {
    HOTPP_UNROLL
    for (int r = 0; r < Matrices * Rows; ++r) sum[r] = bias;
  }

  /// Inputs k ... k + count - 1, count <= Most.
  template <int Together, int Most, class Inputs>
  HOTPP_DEVICE static void step(Quad<Real>* total, const Real* w, std::int64_t size, int row, int k,
                                int count, const Inputs& inputs) {
    Quad<Real> columns[Together * Most];
    HOTPP_UNROLL
    for (int m = 0; m < Together; ++m) {
      HOTPP_UNROLL
      for (int j = 0; j < Most; ++j)
        if (Most == 4 || j < count) columns[m * Most + j] = quad(w + m * size + j * row);
    }
    HOTPP_UNROLL
    for (int r = 0; r < Rows; ++r) {
      const Quad<Real> x = inputs(r, k);
      HOTPP_UNROLL
      for (int m = 0; m < Together; ++m) {
        HOTPP_UNROLL
        for (int j = 0; j < Most; ++j) {
          if (Most < 4 && j >= count) continue;
          HOTPP_UNROLL
          for (int n = 0; n < 4; ++n) total[m * Rows + r].x[n] += x.x[j] * columns[m * Most + j].x[n];
        }
      }
    }
  }
};

}  // namespace hotpp::ops::device
