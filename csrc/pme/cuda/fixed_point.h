// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers of the mesh while charges are added: integers, because their sum does not depend on the order.
//
// Their unit is chosen on the device for every call: the bound of State (largest size of an atom times the
// most crowded neighbourhood of a mesh point) is below 2^exponent, and the unit is 2^(exponent - bits). So
// the integers never wrap, whatever the charges and however crowded the atoms; in a liquid 24 to 27 bits are
// left for the values themselves.
#pragma once

#include "pme/cuda/step.h"
#include "pme/host_device.h"

namespace hotpp::pme::cuda {

template <class Real>
struct FixedPoint;
template <>
struct FixedPoint<float> {
  using Word = int;
  static constexpr int bits = 30;
};
template <>
struct FixedPoint<double> {
  using Word = long long;
  static constexpr int bits = 62;
};

/// Bits of a positive float: they are in the order of the numbers, so that integer maxima serve.
HOTPP_HOST_DEVICE inline unsigned bits_of(float value) {
  union {
    float f;
    unsigned u;
  } both;
  both.f = value;
  return both.u;
}
HOTPP_HOST_DEVICE inline double value_of(unsigned bits) {
  union {
    unsigned u;
    float f;
  } both;
  both.u = bits;
  return both.f;
}
/// Integers in the order of floats of either sign; 0 comes before all.
HOTPP_HOST_DEVICE inline unsigned ordered_bits_of(float value) {
  const unsigned bits = bits_of(value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
HOTPP_HOST_DEVICE inline double value_of_ordered(unsigned ordered) {
  return value_of(ordered & 0x80000000u ? ordered & 0x7fffffffu : ~ordered);
}
/// Rounded up, so that a bound remains one.
HOTPP_HOST_DEVICE inline unsigned upper_bits_of(double value) {
  return bits_of(static_cast<float>(value * 1.000001));
}

HOTPP_HOST_DEVICE inline int fixed_point_exponent(const State& state) {
  int exponent = 0;
  frexp(value_of(state.largest) * value_of(state.crowd), &exponent);
  return exponent < -80 ? -80 : exponent;
}

/// Units per e; 0, so that nothing is added, where there is a problem.
template <class Real>
HOTPP_HOST_DEVICE Real fixed_point_scale(const State& state) {
  if (state.problems != 0) return Real(0);
  return static_cast<Real>(ldexp(1.0, FixedPoint<Real>::bits - fixed_point_exponent(state)));
}
template <class Real>
HOTPP_HOST_DEVICE Real fixed_point_unit(const State& state) {
  return static_cast<Real>(ldexp(1.0, fixed_point_exponent(state) - FixedPoint<Real>::bits));
}

}  // namespace hotpp::pme::cuda
