// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair_hotpp_lr.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "atom.h"
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

namespace {
// What `compute pair` reports: short-range and long-range energy, total dipole x y z, total charge.
constexpr int kExtra = 6;
}  // namespace

// Our own classes throw one-sentence messages; LAMMPS wants them through its error class.
template <class Action>
void PairHotppLR::with_errors_of_lammps(Action&& action) {
  try {
    action();
  } catch (const LAMMPSException&) {
    throw;
  } catch (const std::exception& problem) {
    error->all(FLERR, "Pair style hotpp/lr: {}", problem.what());
  }
}

PairHotppLR::PairHotppLR(LAMMPS* lmp) : Pair(lmp) {
  single_enable = 0;
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  no_virial_fdotr_compute = 1;  // the mesh part of the virial is no sum of f·r
  centroidstressflag = CENTROID_NOTAVAIL;
  nextra = kExtra;
  pvector = new double[kExtra]();
}

PairHotppLR::~PairHotppLR() {
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
  memory->destroy(charge_);
  memory->destroy(dipole_);
  delete[] pvector;
}

void PairHotppLR::settings(int narg, char** arg) {
  if (comm->nprocs > 1)
    error->all(FLERR,
               "Pair style hotpp/lr runs on one MPI rank in this version, but {} were started: start one "
               "rank and let "
               "it use several threads (OMP_NUM_THREADS)",
               comm->nprocs);
  with_errors_of_lammps([&] {
    options_ = hotpp::parse_options(std::vector<std::string>(arg, arg + narg));
    model_ = std::make_unique<hotpp::Model>(options_.model, options_.precision);
    const auto& metadata = model_->metadata();
    long_range_.reset();
    if (metadata.has_charges())
      long_range_ = std::make_unique<hotpp::LongRange>(metadata, options_, model_->single_precision());
  });
  summary_printed_ = false;
  comm_forward = 1;  // pair hybrid copies it only from here
  grow_outputs();    // `fix pair` asks for the arrays before the first step
}

void PairHotppLR::coeff(int narg, char** arg) {
  const int ntypes = atom->ntypes;
  const auto& model = model_->metadata();
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
    if (element == "NULL")
      error->all(FLERR, "Pair style hotpp/lr cannot leave atom type {} to another pair style (NULL): {}",
                 type, remedy);
    species_of_type_[type] = model.species_of(element);
    if (species_of_type_[type] < 0)
      error->all(FLERR, "Pair style hotpp/lr: model '{}' does not know the element '{}' of atom type {}: {}",
                 options_.model, element, type, remedy);
    for (int other = 1; other <= ntypes; ++other) setflag[type][other] = 1;
  }
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
  if (long_range_ && domain->nonperiodic)
    error->all(
        FLERR,
        "Pair style hotpp/lr: the charges of model '{}' need a cell that is periodic in all directions: use "
        "'boundary p p p', with vacuum around a cluster or slab",
        options_.model);
  for (int k = 1; k < 4; ++k)
    if (atom->molecular != Atom::ATOMIC && force->special_lj[k] == 0.0 && force->special_coul[k] == 0.0)
      error->all(FLERR,
                 "Pair style hotpp/lr must see bonded neighbours too: use 'special_bonds lj/coul 1 1 1'");

  neighbor->add_request(this, NeighConst::REQ_FULL);
  update_cell();
  if (!summary_printed_) print_summary();
  summary_printed_ = true;
}

double PairHotppLR::init_one(int i, int j) {
  if (setflag[i][j] == 0)
    error->all(FLERR, "Pair style hotpp/lr: pair_coeff is missing for atom types {} {}", i, j);
  return model_->metadata().cutoff;
}

// Ghost atoms exist by now, up to the range that LAMMPS communicates.
void PairHotppLR::setup() {
  if (comm->get_comm_cutoff() < model_->metadata().cutoff)
    error->all(
        FLERR,
        "Pair style hotpp/lr: ghost atoms reach {:.4g} Angstrom, the cutoff of model '{}' is {:.4g}: remove "
        "'comm_modify cutoff' or raise it",
        comm->get_comm_cutoff(), options_.model, model_->metadata().cutoff);
}

void PairHotppLR::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  if (vflag_atom || cvflag_atom)
    error->all(FLERR,
               "Pair style hotpp/lr has no per-atom stress, because the mesh part has no unique one: remove "
               "computes "
               "stress/atom, or use the virial of the whole system (thermo keywords pxx, pyy, ...)");
  std::fill(pvector, pvector + kExtra, 0.0);
  if (atom->natoms == 0) return;

  with_errors_of_lammps([&] {
    gather_atoms();
    hotpp::collect_edges(*list, atom->nlocal, atom->x, owner_, model_->metadata().cutoff, edges_);
    // Images are replaced by their owners, so there are no ghosts in the model's eyes and nothing to
    // exchange.
    model_->forward(edges_, species_, atom->nlocal, 0);
    if (long_range_) evaluate_mesh();
    tally_energies();
    tally_forces();
  });
}

// Owned atom behind every ghost, species, and positions as the mesh wants them.
void PairHotppLR::gather_atoms() {
  const int n = atom->nlocal;
  owner_.resize(n + atom->nghost);
  species_.resize(n);
  positions_.resize(3 * static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    const double* x = atom->x[i];
    // A distance that is not a number compares as "far away": the atom would silently have no neighbours.
    if (!std::isfinite(x[0]) || !std::isfinite(x[1]) || !std::isfinite(x[2]))
      error->one(
          FLERR,
          "Pair style hotpp/lr: atom {} has position {} {} {}: check the initial structure and the time step",
          atom->tag_enable ? atom->tag[i] : i + 1, x[0], x[1], x[2]);
    owner_[i] = i;
    species_[i] = species_of_type_[atom->type[i]];
    // From the corner of the cell, so that atoms keep their place on the mesh when a barostat moves the
    // corner.
    for (int a = 0; a < 3; ++a) positions_[3 * i + a] = x[a] - domain->boxlo[a];
  }
  comm->forward_comm(this);
}

int PairHotppLR::pack_forward_comm(int n, int* list, double* buf, int /*pbc_flag*/, int* /*pbc*/) {
  for (int k = 0; k < n; ++k) buf[k] = static_cast<double>(owner_[list[k]]);
  return n;
}

void PairHotppLR::unpack_forward_comm(int n, int first, double* buf) {
  for (int k = 0; k < n; ++k) owner_[first + k] = static_cast<std::int64_t>(buf[k]);
}

std::array<double, 9> PairHotppLR::cell() const {
  return {domain->xprd, 0, 0, domain->xy, domain->yprd, 0, domain->xz, domain->yz, domain->zprd};
}

void PairHotppLR::update_cell() {
  if (!long_range_) return;
  with_errors_of_lammps([&] {
    const bool chosen = long_range_->set_cell(cell(), atom->nlocal);
    const auto& mesh = long_range_->mesh();
    if (chosen && summary_printed_)
      utils::logmesg(lmp,
                     "Pair style hotpp/lr: the cell has changed by more than 5 %, new mesh {} x {} x {}\n",
                     mesh[0], mesh[1], mesh[2]);
  });
}

void PairHotppLR::evaluate_mesh() {
  update_cell();
  const double expected = long_range_->estimated_error();
  long_range_->evaluate(atom->nlocal, positions_, model_->charges(), model_->dipoles());
  if (long_range_->estimated_error() != expected)
    utils::logmesg(lmp, "  mesh            estimated relative force error of this structure {:.2g}\n",
                   long_range_->estimated_error());
}

void PairHotppLR::tally_energies() {
  const int n = atom->nlocal;
  const auto& model = model_->metadata();
  const auto& charges = long_range_ ? long_range_->charges : model_->charges();
  grow_outputs();
  double e_sr = 0, moment[3] = {0, 0, 0}, total_charge = 0;
  for (int i = 0; i < n; ++i) {
    const double e = model_->energies()[i] + model.atomic_energies[species_[i]];
    e_sr += e;
    if (eflag_atom) eatom[i] += energy_unit_ * (e + (long_range_ ? long_range_->atom_energy[i] : 0.0));
    double unwrapped[3];
    domain->unmap(atom->x[i], atom->image[i], unwrapped);
    charge_[i] = charges[i];
    total_charge += charges[i];
    for (int a = 0; a < 3; ++a) {
      dipole_[i][a] = model_->dipoles()[3 * i + a];
      moment[a] += charges[i] * unwrapped[a] + dipole_[i][a];
    }
  }
  const double e_lr = long_range_ ? long_range_->energy : 0.0;
  if (!std::isfinite(e_sr + e_lr))
    error->one(
        FLERR,
        "Pair style hotpp/lr: the energy is {} eV: atoms overlap or the structure is far from anything the "
        "model was trained on",
        e_sr + e_lr);
  if (eflag_global) {
    eng_vdwl += energy_unit_ * e_sr;
    eng_coul += energy_unit_ * e_lr;
  }
  const double extra[kExtra] = {energy_unit_ * e_sr, energy_unit_ * e_lr, moment[0],
                                moment[1],           moment[2],           total_charge};
  std::copy(extra, extra + kExtra, pvector);
}

void PairHotppLR::tally_forces() {
  static const std::vector<double> none;
  double strain_derivative[9] = {};  // ∂E/∂ε
  double** f = atom->f;
  const auto& gradients = long_range_ ? model_->backward(long_range_->by_charge, long_range_->by_dipole)
                                      : model_->backward(none, none);
  hotpp::add_edge_forces(edges_, gradients, energy_unit_, f, strain_derivative);
  if (long_range_) {
    for (int i = 0; i < atom->nlocal; ++i)
      for (int a = 0; a < 3; ++a) f[i][a] += energy_unit_ * long_range_->forces[3 * i + a];
    for (int k = 0; k < 9; ++k) strain_derivative[k] += long_range_->strain_derivative[k];
  }
  if (vflag_global) {
    // Only the sum of both parts is symmetric: the mesh part holds the dipoles fixed while the cell turns.
    const int row[6] = {0, 1, 2, 0, 0, 1}, column[6] = {0, 1, 2, 1, 2, 2};
    for (int k = 0; k < 6; ++k)
      virial[k] -= 0.5 * energy_unit_ *
                   (strain_derivative[3 * row[k] + column[k]] + strain_derivative[3 * column[k] + row[k]]);
  }
}

void PairHotppLR::grow_outputs() {
  if (charge_ && n_outputs_ >= atom->nmax) return;
  n_outputs_ = std::max(atom->nmax, 1);
  memory->grow(charge_, n_outputs_, "pair:charge");
  memory->grow(dipole_, n_outputs_, 3, "pair:dipole");
  std::fill(charge_, charge_ + n_outputs_, 0.0);
  std::fill(dipole_[0], dipole_[0] + 3 * n_outputs_, 0.0);
}

void* PairHotppLR::extract_peratom(const char* name, int& columns) {
  if (strcmp(name, "charge") == 0) {
    columns = 0;
    return charge_;
  }
  if (strcmp(name, "dipole") == 0) {
    columns = 3;
    return dipole_;
  }
  return nullptr;
}

void PairHotppLR::print_summary() {
  const auto& model = model_->metadata();
  std::string text = fmt::format(
      "Pair style hotpp/lr {}\n"
      "  model           {} (elements {})\n"
      "  network         cutoff {:.6g} Angstrom, {} layers, {} channels\n"
      "  device          cpu, {} thread(s), {} precision\n"
      "  electrostatics  {}",
      HOTPP_VERSION, options_.model, model.element_list(), model.cutoff, model.layers, model.channels,
      model_->threads(), model_->single_precision() ? "single" : "double", model.electrostatics);
  if (long_range_) {
    const auto& mesh = long_range_->mesh();
    text += fmt::format(
        ", smearing {:.6g} Angstrom\n"
        "  mesh            {} x {} x {}, order {}, estimated relative force error {:.2g}",
        model.smearing, mesh[0], mesh[1], mesh[2], long_range_->order(), long_range_->estimated_error());
  }
  utils::logmesg(lmp, text + "\n");
}

// For hotppplugin.so, which finds it by name.
extern "C" __attribute__((visibility("default"))) void* hotpp_create_pair(void* lammps) {
  return new PairHotppLR(static_cast<LAMMPS*>(lammps));
}
