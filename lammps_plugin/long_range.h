// SPDX-License-Identifier: GPL-2.0-or-later
// Long-range electrostatics of the model's charges and dipoles in the engine's periodic cell.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "model_metadata.h"
#include "options.h"
#include "pme/mesh_choice.h"

namespace hotpp {

class LongRange {
 public:
  LongRange(const ModelMetadata& model, const Options& options, bool single_precision);
  ~LongRange();

  // Rows a, b, c (Å). The mesh is chosen from the first cell, and again only when an edge of the cell has
  // changed by more than 5 % (pme::MeshChoice). True when it was chosen.
  bool set_cell(const std::array<double, 9>& cell, std::int64_t n_atoms);
  const std::array<int, 3>& mesh() const { return choice_.mesh(); }
  int order() const { return choice_.order(); }
  // Relative rms error of the forces: of an ionic melt until the first evaluation with a mesh, then of the
  // structure of that evaluation.
  double estimated_error() const { return estimate_; }

  // positions [n, 3] Å, charges [n] e as the network gives them, dipoles [n, 3] e·Å
  void evaluate(std::int64_t n, const std::vector<double>& positions, const std::vector<double>& charges,
                const std::vector<double>& dipoles);

  // Results of the last evaluation, eV, Å, e.
  double energy = 0;
  std::vector<double> charges;      // [n] neutralised: Σ q = total charge of the model
  std::vector<double> by_charge;    // [n] ∂E/∂(charge as the network gives it)
  std::vector<double> by_dipole;    // [n, 3] ∂E/∂μ
  std::vector<double> forces;       // [n, 3] at fixed q and μ; the mesh's small net force is taken out
  std::vector<double> atom_energy;  // [n] (q φ - μ·E)/2, whose sum is `energy`
  std::array<double, 9> strain_derivative{};

 private:
  class Mesh;
  template <class Real>
  class MeshOf;
  void measure_error(std::int64_t n, const std::vector<double>& positions,
                     const std::vector<double>& dipoles);

  bool dipoles_, single_;
  double total_charge_, estimate_ = 0;
  bool estimate_is_measured_ = false;
  std::string deconvolution_;
  pme::Kernel kernel_;
  pme::MeshChoice choice_;
  std::array<double, 9> cell_{};
  std::unique_ptr<Mesh> plan_;
  std::vector<double> potential_, field_;
};

}  // namespace hotpp
