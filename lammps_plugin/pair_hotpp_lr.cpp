// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair_hotpp_lr.h"

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
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

using namespace LAMMPS_NS;

PairHotppLR::PairHotppLR(LAMMPS* lmp) : Pair(lmp) {
  single_enable = 0;
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  no_virial_fdotr_compute = 1;  // the mesh part of the virial is no sum of f·r
  centroidstressflag = CENTROID_AVAIL;
  nextra = kExtra;
  pvector = new double[kExtra]();

  transport_.forward = [this](int width) {
    const hotpp::Profile::Timer timer(profile_, hotpp::Profile::Ghosts);
    comm->forward_comm(this, width);
  };
  transport_.reverse = [this](int width) {
    const hotpp::Profile::Timer timer(profile_, hotpp::Profile::Ghosts);
    comm->reverse_comm(this, width);
  };
}

PairHotppLR::~PairHotppLR() {
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
  delete[] pvector;
}

// For what the ranks do together, but each by itself. Our own classes throw one-sentence messages; if one
// rank has one (a file that its node does not see), all ranks stop with it.
void PairHotppLR::on_all_ranks(const std::function<void()>& action) {
  std::string problem;
  try {
    action();
  } catch (const LAMMPSException&) {
    throw;
  } catch (const std::exception& exception) {
    problem = exception.what();
  }
  int reporter = problem.empty() ? comm->nprocs : comm->me;
  MPI_Allreduce(MPI_IN_PLACE, &reporter, 1, MPI_INT, MPI_MIN, world);
  if (reporter == comm->nprocs) return;
  int size = static_cast<int>(problem.size());
  MPI_Bcast(&size, 1, MPI_INT, reporter, world);
  problem.resize(size);
  MPI_Bcast(problem.data(), size, MPI_CHAR, reporter, world);
  error->all(FLERR, "Pair style hotpp/lr: {}", problem);
}

// For actions in which the other ranks may be waiting for this one.
void PairHotppLR::on_this_rank(const std::function<void()>& action) {
  try {
    action();
  } catch (const LAMMPSException&) {
    throw;
  } catch (const std::exception& problem) {
    error->one(FLERR, "Pair style hotpp/lr: {}", problem.what());
  }
}

void PairHotppLR::settings(int narg, char** arg) {
  on_all_ranks([&] {
    options_ = hotpp::parse_options(std::vector<std::string>(arg, arg + narg));
    members_.clear();
    for (const auto& file : options_.models)
      members_.push_back(std::make_unique<hotpp::Member>(file, options_, world));
    check_members();
  });
  exchange_.reset();
  if (comm->nprocs > 1) exchange_ = std::make_unique<hotpp::EngineExchange>(rows_, transport_);
  summary_printed_ = false;
  last_build_ = -1;
  // LAMMPS makes its buffers this wide, and pair hybrid copies the numbers only from here.
  transport_.width = 3;
  for (const auto& member : members_)
    transport_.width =
        std::max(transport_.width, member->metadata().channels * member->metadata().components());
  comm_forward = comm_reverse = comm_reverse_off = transport_.width;
  outputs_.zero(atom->nlocal);  // `fix pair` asks for the arrays before the first step
}

void PairHotppLR::check_members() const {
  const auto& first = members_[0]->metadata();
  for (const auto& member : members_) {
    const auto& other = member->metadata();
    if (other.elements != first.elements)
      throw std::invalid_argument(
          "models of an ensemble must know the same elements in the same order, but '" + members_[0]->file() +
          "' has " + first.element_list() + " and '" + member->file() + "' has " + other.element_list() +
          ": give models of one training set");
    if (other.cutoff != first.cutoff)
      throw std::invalid_argument("models of an ensemble must have the same cutoff, but '" +
                                  members_[0]->file() + "' has " + std::to_string(first.cutoff) + " and '" +
                                  member->file() + "' has " + std::to_string(other.cutoff) +
                                  " Angstrom: train them with one configuration");
  }
}

void PairHotppLR::coeff(int narg, char** arg) {
  const int ntypes = atom->ntypes;
  const auto& model = members_[0]->metadata();
  const std::string remedy = fmt::format("write 'pair_coeff * *' and one of {} for each of the {} atom types",
                                         model.element_list(), ntypes);
  // LAMMPS has made sure of the two asterisks (one_coeff).
  if (narg != 2 + ntypes)
    error->all(FLERR, "Pair style hotpp/lr got {} element(s) in pair_coeff, expected {}: {}", narg - 2,
               ntypes, remedy);

  if (!allocated) {
    memory->create(setflag, ntypes + 1, ntypes + 1, "pair:setflag");
    memory->create(cutsq, ntypes + 1, ntypes + 1, "pair:cutsq");
    allocated = 1;
  }
  species_of_type_.assign(ntypes + 1, -1);
  for (int type = 1; type <= ntypes; ++type) {
    const std::string element = arg[1 + type];
    if (element == "NULL") {
      if (force->pair == this)
        error->all(
            FLERR,
            "Pair style hotpp/lr: nothing acts on atoms of type {} (NULL): give it an element, or combine "
            "pair styles, as in 'pair_style hybrid/overlay hotpp/lr {} zero 5.0'",
            type, members_[0]->file());
      continue;
    }
    species_of_type_[type] = model.species_of(element);
    if (species_of_type_[type] < 0)
      error->all(FLERR, "Pair style hotpp/lr: model '{}' does not know the element '{}' of atom type {}: {}",
                 members_[0]->file(), element, type, remedy);
  }
  for (int i = 1; i <= ntypes; ++i)
    for (int j = 1; j <= ntypes; ++j) setflag[i][j] = species_of_type_[i] >= 0 && species_of_type_[j] >= 0;
  last_build_ = -1;
}

void PairHotppLR::init_style() {
  if (!force->newton_pair)
    error->all(FLERR, "Pair style hotpp/lr needs Newton's third law for ghost atoms: remove 'newton off'");
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
      chosen = mesh->set_cell(cell(), atom->natoms);
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
      "  device          cpu, {} rank(s) of {} thread(s), {} precision\n"
      "  electrostatics  {}",
      model.element_list(), model.cutoff, model.layers, model.channels, comm->nprocs,
      member->model().threads(), member->model().single_precision() ? "single" : "double",
      model.electrostatics);
  if (auto* mesh = member->long_range()) {
    const auto& size = mesh->mesh();
    text += fmt::format(", {} smearing {:.6g} Angstrom, {}\n", model.kernel, model.smearing,
                        hotpp::name_of(mesh->boundary()));
    text +=
        mesh->boundary() == hotpp::Boundary::Cluster
            ? fmt::format("  mesh            chosen at every step, relative force error {:.2g}",
                          mesh->estimated_error())
            : fmt::format("  mesh            {} x {} x {}, order {}, estimated relative force error {:.2g}",
                          size[0], size[1], size[2], mesh->order(), mesh->estimated_error());
  }
  utils::logmesg(lmp, text + "\n");
}

// At the end of every run.
void PairHotppLR::finish() {
  if (!profile_.on) return;
  const auto text = profile_.report(world, transport_.bytes, transport_.exchanges);
  transport_.bytes = transport_.exchanges = 0;
  if (comm->me == 0) utils::logmesg(lmp, "\n" + text);
}

// For hotppplugin.so, which finds it by name.
extern "C" __attribute__((visibility("default"))) void* hotpp_create_pair(void* lammps) {
  return new PairHotppLR(static_cast<LAMMPS*>(lammps));
}
