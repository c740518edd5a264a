// SPDX-License-Identifier: GPL-2.0-or-later
// What a model file says about itself (`hotpp.json` inside the TorchScript archive).
#pragma once

#include <string>
#include <vector>

namespace hotpp {

struct ModelMetadata {
  std::vector<std::string> elements;    // the model's species, in the order of its indices
  std::vector<double> atomic_energies;  // [n_elements] eV, E0 added to the energies of the network
  double cutoff = 0;                    // Å
  int layers = 0;
  int channels = 0;
  bool single_precision = false;  // dtype of the stored parameters
  std::string electrostatics;     // "none", "charge" or "charge+dipole"
  double smearing = 0;            // σ, Å
  std::string kernel;             // "gaussian" or "prolate"
  int order = 0;                  // of the B-splines in training
  double accuracy = 0;            // relative rms force error of the mesh
  std::string deconvolution;      // "alias", "plain" or "none"
  double total_charge = 0;        // e

  bool has_charges() const { return electrostatics != "none"; }
  bool has_dipoles() const { return electrostatics == "charge+dipole"; }
  int species_of(const std::string& element) const;  // -1 when the model does not know it
  std::string element_list() const;                  // "Na Cl"
};

// Throws std::invalid_argument with a sentence when the text is not the metadata of a model that this version
// runs.
ModelMetadata parse_metadata(const std::string& json);

}  // namespace hotpp
