// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cpu/line_transform.h"

#include <cmath>
#include <cstdint>

#include "pme/constants.h"

namespace hotpp::pme {
namespace {

/// Large radices first: the first and the last stage read and write the mesh itself, which is far away.
std::vector<int> radices(int points) {
  std::vector<int> result;
  int twos = 0;
  for (; points % 2 == 0; points /= 2) ++twos;
  if (twos % 2 == 1 && twos > 1) {
    result.push_back(8);
    twos -= 3;
  }
  for (; twos >= 2; twos -= 2) result.push_back(4);
  for (int factor = 3; factor * factor <= points; factor += 2)
    for (; points % factor == 0; points /= factor) result.push_back(factor);
  if (points > 1) result.push_back(points);
  if (twos == 1) result.push_back(2);
  return result;
}

}  // namespace

template <class Real>
LineTransform<Real>::LineTransform(int points) : plan_{} {
  plan_.points = points;
  int s = 1, rest = points;
  for (const int radix : radices(points)) {
    const int m = rest / radix;
    auto root = [](std::vector<Real>& table, std::int64_t numerator, std::int64_t denominator) {
      const double angle = 2.0 * pi * static_cast<double>(numerator % denominator) / denominator;
      table.push_back(static_cast<Real>(std::cos(angle)));
      table.push_back(static_cast<Real>(-std::sin(angle)));
    };
    std::vector<Real> twiddles, roots;
    for (int p = 0; p < m; ++p)
      for (int j = 1; j < radix; ++j) root(twiddles, static_cast<std::int64_t>(p) * j, rest);
    for (int j = 0; j < radix; ++j) root(roots, j, radix);
    tables_.push_back(std::move(twiddles));
    tables_.push_back(std::move(roots));
    plan_.stage[plan_.stages++] = {radix, m, s, tables_[tables_.size() - 2].data(), tables_.back().data()};
    s *= radix;
    rest = m;
  }
}

template class LineTransform<float>;
template class LineTransform<double>;

}  // namespace hotpp::pme
