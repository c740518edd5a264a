// SPDX-License-Identifier: GPL-2.0-or-later
// Long-range electrostatics of the model's charges and dipoles in the engine's periodic cell.
#pragma once

#include <mpi.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "mesh.h"
#include "model_metadata.h"
#include "options.h"

namespace hotpp {

class LongRange {
 public:
  LongRange(const ModelMetadata& model, const Options& options, bool single_precision, MPI_Comm world);
  ~LongRange();

  // Rows a, b, c (Å). The mesh is chosen from the first cell, and again only when an edge of the cell has
  // changed by more than 5 %: a mesh that follows the cell at every step makes the energy jump. True when it
  // was chosen.
  bool set_cell(const std::array<double, 9>& cell);
  const std::array<int, 3>& mesh() const { return mesh_; }
  int order() const { return order_; }
  double estimated_error() const;  // relative rms error of the forces

  // Collective. Atoms of this rank: positions [n, 3] Å, charges [n] e as the network gives them, dipoles [n,
  // 3] e·Å
  void evaluate(std::int64_t n, const std::vector<double>& positions, const std::vector<double>& charges,
                const std::vector<double>& dipoles);

  // Results of the last evaluation, eV, Å, e: of the atoms of this rank, and energy and strain derivative of
  // all atoms.
  double energy = 0;
  std::vector<double> charges;      // [n] neutralised: Σ q over all ranks = total charge of the model
  std::vector<double> by_charge;    // [n] ∂E/∂(charge as the network gives it)
  std::vector<double> by_dipole;    // [n, 3] ∂E/∂μ
  std::vector<double> potential;    // [n] ∂E/∂q at fixed μ, V
  std::vector<double> field;        // [n, 3] V/Å, zero for a model without dipoles
  std::vector<double> forces;       // [n, 3] at fixed q and μ; the mesh's small net force is taken out
  std::vector<double> atom_energy;  // [n] (q φ - μ·E)/2, whose sum is `energy`
  std::array<double, 9> strain_derivative{};

 private:
  void add_up(double* values, int count) const;  // over all ranks

  MPI_Comm world_;
  bool dipoles_, single_, fixed_mesh_;
  int order_;
  double accuracy_, smearing_, total_charge_;
  std::string kernel_, deconvolution_;
  std::array<int, 3> mesh_{};
  std::array<double, 9> cell_{};
  std::array<double, 3> lengths_{};  // of the cell for which the mesh was chosen
  std::unique_ptr<Mesh> plan_;
};

}  // namespace hotpp
