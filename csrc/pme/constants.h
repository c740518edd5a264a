// SPDX-License-Identifier: GPL-2.0-or-later
// Physical and mathematical constants, written once for all C++ code (python/hotpp_lr/constants.py for
// Python).
#pragma once

namespace hotpp::pme {

/// Coulomb constant k_e in eV·Å/e² (CODATA 2018).
constexpr double coulomb_constant = 14.399645478425668;
constexpr double pi = 3.14159265358979323846;

}  // namespace hotpp::pme
