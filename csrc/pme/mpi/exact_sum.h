// SPDX-License-Identifier: GPL-2.0-or-later
// A sum of float64 numbers with the same bits in any order and any grouping, so also for any number of ranks.
//
// Each number is cut into pieces that are multiples of fixed units (2^10, 2^-20, ..., 2^-110), and the pieces
// of a unit are added in a float64: whole numbers below 2^53, so exactly. What is below the last unit is
// dropped: 4e-34. Reproducible summation with fixed bins after Demmel and Nguyen, IEEE Trans. Comput. 64,
// 2060 (2015).
#pragma once

#include <cmath>
#include <cstdint>

namespace hotpp::pme {

class ExactSum {
 public:
  static constexpr int bins = 5;
  static constexpr double largest = 549755813888.0;  ///< 2^39; numbers must be smaller

  /// False if the number is too large or not a number; it is then left out.
  bool add(double value) {
    if (!(std::abs(value) < largest)) return false;
    double rest = value;
    for (int k = 0; k < bins; ++k) {
      const double piece = round_to_unit(rest, k);
      bin_[k] += piece;
      rest -= piece;
    }
    // 2^22 pieces of at most 2^29 units fit into 2^53
    if (++added_ == (1 << 22)) carry();
    return true;
  }
  void add(const ExactSum& other) {
    ExactSum canonical = other;
    canonical.carry();
    for (int k = 0; k < bins; ++k) bin_[k] += canonical.bin_[k];
    carry();
  }

  /// To be added up over the ranks (MPI_SUM on float64 is exact here), then given to `value`.
  void export_bins(double* to) {
    carry();
    for (int k = 0; k < bins; ++k) to[k] = bin_[k];
  }
  static double value(const double* summed) {
    double b[bins];
    for (int k = 0; k < bins; ++k) b[k] = summed[k];
    // each piece in [0, unit of the next): only one way to write a sum
    for (int k = bins - 1; k > 0; --k) {
      const double over = std::floor(b[k] / unit(k - 1)) * unit(k - 1);
      b[k] -= over;
      b[k - 1] += over;
    }
    double sum = b[0];  // from the largest: where the first pieces cancel, they do so exactly
    for (int k = 1; k < bins; ++k) sum += b[k];
    return sum;
  }

 private:
  static constexpr double unit(int k) {
    constexpr double units[bins] = {0x1p10, 0x1p-20, 0x1p-50, 0x1p-80, 0x1p-110};
    return units[k];
  }
  static double round_to_unit(double value, int k) {
    const double shift = 0x1.8p52 * unit(k);
    return (value + shift) - shift;
  }
  void carry() {
    for (int k = bins - 1; k > 0; --k) {
      const double over = round_to_unit(bin_[k], k - 1);
      bin_[k] -= over;
      bin_[k - 1] += over;
    }
    added_ = 0;
  }
  double bin_[bins] = {};
  int added_ = 0;
};

}  // namespace hotpp::pme
