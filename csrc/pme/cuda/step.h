// SPDX-License-Identifier: GPL-2.0-or-later
// What changes from call to call (Step: copied to the device by the first kernel of a graph, so that a graph
// outlives new atoms, pointers and cells), and what the kernels hand to each other (State).
#pragma once

#include "pme/cuda/values.h"

namespace hotpp::pme::cuda {

/// Device memory of the caller, float64 or float32 each. Null: not given, not wanted.
struct DeviceAtoms {
  int n = 0;
  Values positions;  ///< [n, 3] Å, anywhere
  Values charges;    ///< [n] e
  Values dipoles;    ///< [n, 3] e·Å or null: charges only
};

struct DeviceOutput {
  double* energy = nullptr;             ///< [1] eV
  MutableValues potential;              ///< [n] V
  MutableValues field;                  ///< [n, 3] V/Å
  MutableValues forces;                 ///< [n, 3] eV/Å
  double* strain_derivative = nullptr;  ///< [3, 3] eV
};

struct Step {
  DeviceAtoms atoms;
  DeviceOutput output;
  double inverse[9];     ///< r · inverse = fractions of the cell
  double to_mesh[9];     ///< r · to_mesh = mesh coordinates: inverse · diag(K)
  double reciprocal[9];  ///< b_i as rows, 1/Å, 2 pi included
  double metric[6];      ///< b_a · b_b: xx, yy, zz, 2 xy, 2 xz, 2 yz
  double prefactor;      ///< 4 pi k_e / V
  double background;     ///< energy of a net charge Q: background Q²
  bool slab;             ///< open along z: pme/slab.h
  double height;         ///< of the cell of a slab, Å
  double slab_scale;     ///< 2 pi k_e / V
  double self_charge;    ///< self energies of a unit charge and a unit dipole that are to be subtracted
  double self_dipole;
};

/// Bits of State::problems.
enum Problem : unsigned {
  not_finite = 1,     ///< a position, charge or dipole is NaN or infinite
  too_large = 2,      ///< a charge or dipole is beyond the range of the fixed-point mesh
  too_far = 4,        ///< a position is more than max_cells_away cells away
  thin_vacuum = 8,    ///< of a slab
  too_far_apart = 16  ///< two atoms of a cluster, for the table of its kernel
};

struct State {
  unsigned problems;           ///< of this call
  int problem_atom;            ///< the smallest index of an atom with a problem
  unsigned reported_problems;  ///< of all calls since the caller last looked
  int reported_atom;
  unsigned largest;      ///< bits of the largest size of an atom, as float (envelope.h)
  unsigned crowd;        ///< bits of the most crowded neighbourhood of a mesh point, as float
  unsigned arrivals[4];  ///< blocks that are done: locate, influence, gather, strain
  unsigned top, bottom;  ///< of a slab: ordered bits of the largest z and -z, as float
  double total_charge;
  double self_energy;
  // of a slab: sum of q z + μ_z; of q z² + 2 z μ_z; of q r; of (q z + μ_z) r
  double moment, second_moment, charge_moment[3], mixed_moment[3];
  double mesh_energy;
  double mesh_strain[6];  ///< xx, yy, zz, xy, xz, yz, without the part -energy on the diagonal
};

}  // namespace hotpp::pme::cuda
