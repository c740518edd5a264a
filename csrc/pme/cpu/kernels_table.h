// SPDX-License-Identifier: GPL-2.0-or-later
// All kernels of one instruction set in one table; included by the kernel files.
#pragma once

#include "pme/cpu/kernels_modes.h"
#include "pme/cpu/kernels_stencil.h"
#include "pme/cpu/kernels_transform.h"

namespace hotpp::pme::HOTPP_ISA {

template <class Real, int P, int L>
constexpr void add(Kernels<Real>& table) {
  if constexpr (P >= lowest_order(L)) {
    table.spread[P][L] = &spread_range<Real, P, L>;
    table.gather[P][L] = &gather_range<Real, P, L>;
  }
  if constexpr (L < max_rank)
    add<Real, P, L + 1>(table);
  else if constexpr (P < max_order)
    add<Real, P + 1, 0>(table);
}

template <class Real>
constexpr Kernels<Real> make_table() {
  Kernels<Real> table{};
  add<Real, min_order, 0>(table);
  table.transform_lines = &transform_lines<Real>;
  table.transform_rows_forward = &transform_rows_forward<Real>;
  table.transform_rows_backward = &transform_rows_backward<Real>;
  table.convolve_lines = &convolve_lines<Real>;
  table.influence_of_column = &influence_of_column<Real>;
  return table;
}

}  // namespace hotpp::pme::HOTPP_ISA

namespace hotpp::pme {

extern const Kernels<float> HOTPP_TABLE(float);
extern const Kernels<double> HOTPP_TABLE(double);
const Kernels<float> HOTPP_TABLE(float) = HOTPP_ISA::make_table<float>();
const Kernels<double> HOTPP_TABLE(double) = HOTPP_ISA::make_table<double>();

}  // namespace hotpp::pme
