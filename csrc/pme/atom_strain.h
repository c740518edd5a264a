// SPDX-License-Identifier: GPL-2.0-or-later
// The strain derivative of each atom's share of the electrostatic energy,
//
//   e_i = 1/2 (q_i phi_i + μ_i · grad phi_i),   w_i,ab = d e_i / d(epsilon_ab) at fixed Cartesian q and μ:
//
// of every pair, half the virial goes to each of its two atoms. In reciprocal space it is exact, images
// included: with the potential phi = A(cell) c of multipoles c in mesh units, whose dipole part
// c_μ changes by -μ_b along a,
//
//   w_i,ab = 1/2 c_i · (dA/d(epsilon_ab) c)_i + 1/2 c_i · (A dc_ab)_i + 1/2 dc_i,ab · (A c)_i
//
// (Heyes, Phys. Rev. B 49, 755 (1994), for charges). The first term has an influence function of its own
// (cpu/strain_influence.cpp), the second the same mesh with other multipoles. The sum over the atoms is the
// strain derivative of the mesh, not an approximation of it. Self energies do not depend on the strain. Only
// the symmetric part is given: that is all the virial of an atom has.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "pme/cell.h"
#include "pme/slab.h"

namespace hotpp::pme {

/// Potential of the mesh and its Cartesian gradient at all atoms, [n, 4], caused by charges [n] and dipoles
/// [n, 3] or null. component: 0..5 for the strain derivative at fixed charge mesh (xx yy zz xy xz yz), or
/// energy_component.
constexpr int energy_component = -1;
using MeshPotential =
    std::function<void(int component, const double* charges, const double* dipoles, double* potential)>;

/// Overwrites w [n, 6]. dipoles may be null; any_dipoles: whether any rank has some (the calls of the mesh
/// are collective). background: energy of a unit charge in the background of a charged cell, that is
/// SelfTerms::background times the total charge.
void atom_strain_of_mesh(const MeshPotential&, std::int64_t n, const double* charges, const double* dipoles,
                         bool any_dipoles, double background, double* w);

/// Adds what the correction of slab.h contributes, from the sums over all atoms. xz and yz of a slab with a
/// dipole moment depend on which images of the atoms are given, as those of the whole do.
void add_slab_atom_strain(const Cell&, const SlabMoments&, std::int64_t n, const double* positions,
                          const double* charges, const double* dipoles, double* w);

}  // namespace hotpp::pme
