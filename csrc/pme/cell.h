// SPDX-License-Identifier: GPL-2.0-or-later
// A periodic cell: lattice vectors, inverse, volume.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string>

namespace hotpp::pme {

struct Cell {
  std::array<double, 9> rows{};     ///< lattice vectors a, b, c as rows, Å
  std::array<double, 9> inverse{};  ///< r · inverse = fractional coordinates; columns are b_i / 2 pi
  double volume = 0.0;              ///< |det|, Å³: left-handed cells are as good as right-handed ones

  Cell() = default;
  explicit Cell(const double* vectors) {
    std::copy(vectors, vectors + 9, rows.begin());
    double lengths = 1.0;
    for (int i = 0; i < 3; ++i) {
      const double length = std::sqrt(rows[3 * i] * rows[3 * i] + rows[3 * i + 1] * rows[3 * i + 1] +
                                      rows[3 * i + 2] * rows[3 * i + 2]);
      if (length < 1e-3 || length > 1e6)
        throw std::invalid_argument("Lattice vector " + std::to_string(i) + " is " + std::to_string(length) +
                                    " long: give it in Å, from 1e-3 to 1e6.");
      lengths *= length;
    }
    // cofactors[i] = product of the two other lattice vectors
    double cofactors[3][3];
    for (int i = 0; i < 3; ++i) {
      const double* u = &rows[3 * ((i + 1) % 3)];
      const double* v = &rows[3 * ((i + 2) % 3)];
      for (int a = 0; a < 3; ++a)
        cofactors[i][a] = u[(a + 1) % 3] * v[(a + 2) % 3] - u[(a + 2) % 3] * v[(a + 1) % 3];
    }
    const double determinant =
        rows[0] * cofactors[0][0] + rows[1] * cofactors[0][1] + rows[2] * cofactors[0][2];
    // the negated comparison also catches NaN
    if (!(std::abs(determinant) > 1e-9 * lengths) || !std::isfinite(lengths))
      throw std::invalid_argument("The cell is degenerate or not finite (volume " +
                                  std::to_string(determinant) +
                                  " Å³): give three linearly independent lattice vectors in Å as rows.");
    volume = std::abs(determinant);
    for (int i = 0; i < 3; ++i)
      for (int a = 0; a < 3; ++a) inverse[3 * a + i] = cofactors[i][a] / determinant;
  }
};

}  // namespace hotpp::pme
