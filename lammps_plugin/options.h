// SPDX-License-Identifier: GPL-2.0-or-later
// The arguments of `pair_style hotpp/lr model.pt ... [keyword value ...]`.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace hotpp {

enum class Precision { OfModel, Single, Double };

// Of the keyword `device`.
struct DeviceWish {
  std::string kind = "auto";  // "auto", "cpu" or a kind of device
  int index = -1;             // -1: by the rank on the node
};

// Every so many steps, the disagreement of the models about the forces goes to a file.
struct DeviationOutput {
  int every = 0;
  std::string file;
};

// Structures whose largest force deviation lies between the two values are written for labelling.
struct Selection {
  double low = 0, high = 0;  // in the force unit of LAMMPS
  std::string file;
};

struct Options {
  std::vector<std::string> models;         // file names; several form an ensemble
  std::optional<double> accuracy;          // relative rms force error of the mesh; default: the model's
  std::optional<int> order;                // of the B-splines; default: chosen from accuracy
  std::optional<std::array<int, 3>> mesh;  // default: chosen from accuracy and order
  std::optional<double> spacing;           // of the mesh, Å; instead of accuracy
  std::optional<double> total_charge;      // e; default: the model's
  Precision precision = Precision::OfModel;
  DeviceWish device;
  bool set_charges = false;  // learned charges go to the charges of LAMMPS's atoms
  bool set_dipoles = false;
  std::optional<DeviationOutput> deviation;
  std::optional<Selection> selection;
};

// Throws std::invalid_argument with a sentence that names the offending argument.
Options parse_options(const std::vector<std::string>& arguments);

}  // namespace hotpp
