// SPDX-License-Identifier: GPL-2.0-or-later
// The arguments of `pair_style hotpp/lr model.pt [keyword value ...]`.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace hotpp {

enum class Precision { OfModel, Single, Double };

struct Options {
  std::string model;                       // file name
  std::optional<double> accuracy;          // relative rms force error of the mesh; default: the model's
  std::optional<int> order;                // of the B-splines; default: the model's
  std::optional<std::array<int, 3>> mesh;  // default: chosen from accuracy and order
  Precision precision = Precision::OfModel;
};

// Throws std::invalid_argument with a sentence that names the offending argument.
Options parse_options(const std::vector<std::string>& arguments);

}  // namespace hotpp
