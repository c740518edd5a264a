// SPDX-License-Identifier: GPL-2.0-or-later
// Long-range electrostatics of the model's charges and dipoles in the engine's cell.
#pragma once

#include <mpi.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device.h"
#include "mesh.h"
#include "model_metadata.h"
#include "options.h"
#include "pme/mesh_choice.h"

namespace hotpp {

// What the box of LAMMPS is: periodic in all directions, open along z, open in all directions.
enum class Boundary { Periodic, Slab, Cluster };
const char* name_of(Boundary);

class LongRange {
 public:
  LongRange(const ModelMetadata& model, const Options& options, bool single_precision, MPI_Comm world);
  ~LongRange();

  // Before the first cell, and whenever it changes.
  void set_boundary(Boundary);
  Boundary boundary() const { return boundary_; }
  // Rows a, b, c (Å). The mesh is chosen from the first cell, and again only when an edge of the cell has
  // changed by more than 5 % (pme::MeshChoice). True when it was chosen. n_atoms: of all ranks. A slab gets a
  // cell of three times the height: vacuum of twice the box, as with `kspace_modify slab 3.0`.
  bool set_cell(const std::array<double, 9>& cell, std::int64_t n_atoms);
  const std::array<int, 3>& mesh() const { return choice_.mesh(); }
  int order() const { return choice_.order(); }
  // Relative rms error of the forces: of an ionic melt until the first evaluation with a mesh, then of the
  // structure of that evaluation.
  double estimated_error() const;
  // Of the mesh of this rank, in the last evaluation.
  pme::Messages sent() const { return plan_->sent(); }

  // The mesh, or the pairs of a cluster, go to the device as well, where that is possible: on one rank.
  void use_device(const Device& device) { device_ = device; }
  // Null: evaluate() does the work on the host. The device's mesh has no stress of atoms.
  DeviceMesh* device_mesh() const { return want_atom_strain ? nullptr : device_plan_.get(); }
  double total_charge() const { return total_charge_; }
  // Of the device's mesh, in place of evaluate(): charges, potential, field, forces, energy and
  // strain_derivative below have been set.
  void complete(std::int64_t n, const std::vector<double>& positions, const std::vector<double>& dipoles);

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
  // [n, 6] xx yy zz xy xz yz: of the atoms' shares, see csrc/pme/atom_strain.h. Only when wanted: it costs as
  // much as fifteen evaluations.
  std::vector<double> atom_strain;
  bool want_atom_strain = false;

 private:
  void set_cluster(const std::array<double, 9>& box, std::int64_t n_atoms);
  void add_up(double* values, int count) const;  // over all ranks

  void measure_error(std::int64_t n, const std::vector<double>& positions, const double* dipoles);

  MPI_Comm world_;
  bool dipoles_, single_;
  double accuracy_, total_charge_, estimate_ = 0;
  bool estimate_is_measured_ = false;
  std::string deconvolution_;
  Boundary boundary_ = Boundary::Periodic;
  pme::Kernel kernel_;
  pme::MeshChoice choice_;
  std::array<double, 9> cell_{};
  std::unique_ptr<Mesh> plan_;
  Device device_;
  std::unique_ptr<DeviceMesh> device_plan_;
  double device_reach_ = 0;         // of a cluster on the device: largest distance of two atoms, Å
  std::int64_t device_atoms_ = -1;  // for which it was asked for
};

}  // namespace hotpp
