// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstring>
#include <string>

#include "atom.h"
#include "citations.h"
#include "citeme.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "pair_hotpp_lr.h"
#include "update.h"
#include "utils.h"

using namespace LAMMPS_NS;

void PairHotppLR::init_style() {
  require_model();
  if (!force->newton_pair)
    error->all(FLERR, "Pair style hotpp/lr needs Newton's third law for ghost atoms: remove 'newton off'");
  if (domain->dimension != 3)
    error->all(FLERR,
               "Pair style hotpp/lr works in three dimensions: remove 'dimension 2'; for layers use "
               "'boundary p p f'");
  if (strcmp(update->unit_style, "metal") == 0) {
    energy_unit_ = 1.0;
  } else if (strcmp(update->unit_style, "real") == 0) {
    energy_unit_ = utils::get_conversion_factor(utils::ENERGY, utils::METAL2REAL);
  } else {
    error->all(FLERR, "Pair style hotpp/lr works in units metal or real, not {}: change the 'units' command",
               update->unit_style);
  }
  set_boundary();
  for (int k = 1; k < 4; ++k)
    if (atom->molecular != Atom::ATOMIC && force->special_lj[k] == 0.0 && force->special_coul[k] == 0.0)
      error->all(FLERR,
                 "Pair style hotpp/lr must see bonded neighbours too: use 'special_bonds lj/coul 1 1 1'");
  check_atom_style();

  neighbor->add_request(this, NeighConst::REQ_FULL);
  last_build_ = -1;
  update_cell();
  if (!summary_printed_) print_summary();
  summary_printed_ = true;
}

// The deck says what the box is, and the electrostatics follow.
void PairHotppLR::set_boundary() {
  const bool x = domain->xperiodic, y = domain->yperiodic, z = domain->zperiodic;
  for (const auto& member : members_) {
    if (!member->long_range()) continue;
    if (!x && !y && !z && (options_.mesh || options_.spacing))
      error->all(FLERR,
                 "Pair style hotpp/lr: a cluster ('boundary f f f') has no mesh of the size of the box: give "
                 "'accuracy' instead of 'mesh' or 'spacing'");
    if (x && y) {
      member->long_range()->set_boundary(z ? hotpp::Boundary::Periodic : hotpp::Boundary::Slab);
    } else if (!x && !y && !z) {
      member->long_range()->set_boundary(hotpp::Boundary::Cluster);
    } else {
      error->all(
          FLERR,
          "Pair style hotpp/lr: the charges of model '{}' need a box that is periodic in all directions "
          "('boundary p p p'), open along z only ('boundary p p f', slabs) or open in all directions "
          "('boundary f f f', clusters): turn the structure, or leave vacuum around it",
          member->file());
    }
  }
}

void PairHotppLR::check_atom_style() const {
  if (options_.set_charges && !atom->q_flag)
    error->all(
        FLERR,
        "Pair style hotpp/lr: keyword set_charges needs atoms that have a charge: use 'atom_style charge' "
        "instead of {}",
        atom->atom_style);
  if (options_.set_dipoles && !atom->mu_flag)
    error->all(
        FLERR,
        "Pair style hotpp/lr: keyword set_dipoles needs atoms that have a dipole: use 'atom_style dipole' "
        "instead of {}",
        atom->atom_style);
}

double PairHotppLR::init_one(int i, int j) {
  if (setflag[i][j] == 0)
    error->all(FLERR, "Pair style hotpp/lr: pair_coeff is missing for atom types {} {}", i, j);
  return members_[0]->metadata().cutoff;
}

// The neighbour list and ghost atoms exist by now, up to the range that LAMMPS communicates.
void PairHotppLR::setup() {
  for (int i = 1; i <= atom->ntypes; ++i)
    for (int j = i; j <= atom->ntypes; ++j)
      if (list->ijskip && setflag[i][j] && (list->iskip[i] || list->iskip[j] || list->ijskip[i][j]))
        error->all(
            FLERR,
            "Pair style hotpp/lr must see all pairs of its elements, but pair_coeff gives types {} and {} to "
            "another style: use hybrid/overlay, which adds styles up",
            i, j);
  const double cutoff = members_[0]->metadata().cutoff;
  if (comm->get_comm_cutoff() < cutoff)
    error->all(
        FLERR,
        "Pair style hotpp/lr: ghost atoms reach {:.4g} Angstrom, the cutoff of model '{}' is {:.4g}: remove "
        "'comm_modify cutoff' or raise it",
        comm->get_comm_cutoff(), members_[0]->file(), cutoff);
}

std::array<double, 9> PairHotppLR::cell() const {
  return {domain->xprd, 0, 0, domain->xy, domain->yprd, 0, domain->xz, domain->yz, domain->zprd};
}

void PairHotppLR::update_cell() {
  for (const auto& member : members_) {
    auto* mesh = member->long_range();
    if (!mesh) continue;
    bool chosen = false;
    try {
      chosen = mesh->set_cell(cell(), std::max<bigint>(atom->natoms, 1));
    } catch (const std::exception& problem) {  // the cell is the same on all ranks, and so is the problem
      error->all(FLERR, "Pair style hotpp/lr: {}", problem.what());
    }
    const auto& size = mesh->mesh();
    if (chosen && summary_printed_ && comm->me == 0)
      utils::logmesg(lmp,
                     "Pair style hotpp/lr: the cell has changed by more than 5 %, new mesh {} x {} x {}\n",
                     size[0], size[1], size[2]);
  }
}

// Of rank 0, which speaks for all.
std::string PairHotppLR::describe_device() const {
  if (device_.is_host()) return "cpu";
  std::string text = device_.name();
  if (device_.ranks() > 1) text += fmt::format(" (shared by {} ranks)", device_.ranks());
  const auto* mesh = members_[0]->long_range();
  if (!mesh) return text;
  const bool cluster = mesh->boundary() == hotpp::Boundary::Cluster;
  if (mesh->device_mesh()) return text + (cluster ? ", with the pairs of charges" : ", with the mesh");
  text += ", mesh on the host";
  if (!device_.has_mesh()) text += fmt::format(" ({} is not installed)", device_.mesh_library());
  return text;
}

void PairHotppLR::print_summary() {
  if (lmp->citeme) lmp->citeme->add(hotpp::kCitations);
  if (comm->me != 0) return;
  const auto& member = members_[0];
  const auto& model = member->metadata();
  std::string text = fmt::format("Pair style hotpp/lr {}\n", HOTPP_VERSION);
  for (const auto& each : members_) text += fmt::format("  model           {}\n", each->file());
  text += fmt::format(
      "  elements        {}\n"
      "  network         cutoff {:.6g} Angstrom, {} layers, {} channels\n"
      "  device          {}, {} rank(s) of {} thread(s), {} precision\n"
      "  electrostatics  {}",
      model.element_list(), model.cutoff, model.layers, model.channels, describe_device(), comm->nprocs,
      member->model().threads(), member->model().single_precision() ? "single" : "double",
      model.electrostatics);
  if (auto* mesh = member->long_range()) {
    const auto& size = mesh->mesh();
    text += fmt::format(", {} smearing {:.6g} Angstrom, {}\n", model.kernel, model.smearing,
                        hotpp::name_of(mesh->boundary()));
    if (mesh->boundary() != hotpp::Boundary::Cluster)
      text += fmt::format("  mesh            {} x {} x {}, order {}, estimated relative force error {:.2g}",
                          size[0], size[1], size[2], mesh->order(), mesh->estimated_error());
    else if (mesh->device_mesh())
      text += "  mesh            none: all pairs are summed";
    else
      text += fmt::format("  mesh            chosen at every step, relative force error {:.2g}",
                          mesh->estimated_error());
  }
  text += fmt::format("\n  set-up          {:.2f} s to read {} model(s), {:.2f} s to warm up\n",
                      seconds_reading_, members_.size(), seconds_warming_up_);
  utils::logmesg(lmp, text);
}
