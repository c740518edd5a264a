// SPDX-License-Identifier: GPL-2.0-or-later
// Makes a LinePlan: radices and tables of roots of unity.
#pragma once

#include <vector>

#include "pme/cpu/line_plan.h"

namespace hotpp::pme {

/// Owns the tables of a LinePlan. Fast for points = 2^a 3^b 5^c 7^d, right for any.
template <class Real>
class LineTransform {
 public:
  explicit LineTransform(int points);
  LineTransform(const LineTransform&) = delete;
  LineTransform& operator=(const LineTransform&) = delete;
  const LinePlan<Real>& plan() const { return plan_; }

 private:
  LinePlan<Real> plan_;
  std::vector<std::vector<Real>> tables_;
};

}  // namespace hotpp::pme
