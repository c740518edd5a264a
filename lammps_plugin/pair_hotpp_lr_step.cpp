// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "pair_hotpp_lr.h"
#include "structure_writer.h"
#include "update.h"
#include "utils.h"

using namespace LAMMPS_NS;
using hotpp::Profile;

namespace {
constexpr int kOwner = 2;  // numbers that tell the owner of an atom: rank, and row there
}

// A rank without atoms takes part in everything: the others wait for it in each exchange.
void PairHotppLR::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  prepare_atom_stress();
  std::fill(pvector, pvector + kExtra, 0.0);
  if (atom->natoms == 0) return;

  check_positions();
  update_cell();
  on_this_rank([&] {
    update_edges();
    outputs_.zero(atom->nlocal);
    const auto members = static_cast<int>(members_.size());
    if (members > 1) member_forces_.reset(members, atom->nlocal + atom->nghost);
    for (int k = 0; k < members; ++k) {
      hotpp::Member& member = *members_[k];
      evaluate(member);
      const Profile::Timer timer(profile_, Profile::Tally);
      tally_energies(member, 1.0 / members);
      tally_forces(member, 1.0 / members, members > 1 ? member_forces_.of(k) : atom->f);
    }
    if (members > 1) compare_members();
    set_atom_properties();
  });
  profile_.steps += 1;
  if (profile_.on) profile_.edges += n_edges();
}

void PairHotppLR::evaluate(hotpp::Member& member) {
  auto* mesh = member.long_range();
  const double expected = mesh ? mesh->estimated_error() : 0.0;
  const std::int64_t exchange = exchange_ ? exchange_->handle() : 0;
  if (device_edges_) {
    member.evaluate(*device_edges_, rows_, exchange, positions_, profile_);
  } else {
    member.evaluate(edges_, rows_, exchange, positions_, profile_);
  }
  const std::string note = member.take_note();
  if (!note.empty() && comm->me == 0) utils::logmesg(lmp, "  device graph    {}\n", note);
  if (mesh && mesh->estimated_error() != expected && comm->me == 0)
    utils::logmesg(lmp, "  mesh            estimated relative force error of this structure {:.2g}\n",
                   mesh->estimated_error());
}

// The mesh has the symmetric stress of atoms in a periodic box or slab. What it has not is refused: a stress
// without it would be wrong without a sign of it.
void PairHotppLR::prepare_atom_stress() {
  for (const auto& member : members_) {
    auto* mesh = member->long_range();
    if (!mesh) continue;
    mesh->want_atom_strain = vflag_atom != 0;
    if (cvflag_atom)
      error->all(
          FLERR,
          "Pair style hotpp/lr: model '{}' has charges that change with the positions, and the heat that "
          "flows through them over all distances is no sum of atomic stress times velocity: remove "
          "compute centroid/stress/atom; for a thermal conductivity use 'fix thermal/conductivity' or 'fix "
          "ehex', "
          "which need no stress of atoms",
          member->file());
    if (vflag_atom && mesh->boundary() == hotpp::Boundary::Cluster)
      error->all(FLERR,
                 "Pair style hotpp/lr: the charges of model '{}' have no per-atom stress in a cluster "
                 "('boundary f f f'): remove compute stress/atom, or use a periodic box with vacuum",
                 member->file());
  }
}

void PairHotppLR::check_positions() const {
  for (int i = 0; i < atom->nlocal; ++i) {
    const double* x = atom->x[i];
    // A distance that is not a number compares as "far away": the atom would silently have no neighbours.
    if (!std::isfinite(x[0]) || !std::isfinite(x[1]) || !std::isfinite(x[2]))
      error->one(
          FLERR,
          "Pair style hotpp/lr: atom {} has position {} {} {}: check the initial structure and the time step",
          atom->tag_enable ? atom->tag[i] : i + 1, x[0], x[1], x[2]);
  }
}

// Collective: rows, candidates of edges, and who sends what to whom.
void PairHotppLR::assign_rows() {
  const int n = atom->nlocal, ghosts = atom->nghost;
  rows_.assign_owned(n, ghosts, atom->type, species_of_type_);
  candidates_.collect(*list, n, rows_);
  std::vector<double> owners(kOwner * (static_cast<std::size_t>(n) + ghosts + 1));
  for (int i = 0; i < n; ++i) {
    owners[kOwner * i] = comm->me;
    owners[kOwner * i + 1] = rows_.row[i];
  }
  transport_.fill_ghosts(owners.data(), kOwner);
  const auto remote = rows_.assign_senders(candidates_.senders(), owners, comm->me);
  if (exchange_) exchange_->rows_changed(remote);
  if (device_edges_) device_edges_->assign(candidates_, rows_);
  last_build_ = neighbor->lastcall;
}

// Rows and candidates last until LAMMPS builds its neighbour list anew, or until a type changes from an
// element to NULL or back. All ranks must find the same here, because they assign rows together.
bool PairHotppLR::rows_are_outdated() {
  if (neighbor->ago == 0 || neighbor->lastcall != last_build_) return true;
  const auto n_atoms = static_cast<std::size_t>(atom->nlocal) + atom->nghost;
  int outdated = rows_.row.size() != n_atoms || !rows_.update_species(atom->type, species_of_type_);
  const bool ignores = std::count(species_of_type_.begin() + 1, species_of_type_.end(), -1) > 0;
  if (exchange_ && ignores) {
    MPI_Allreduce(MPI_IN_PLACE, &outdated, 1, MPI_INT, MPI_MAX, world);
  } else if (exchange_ && outdated) {
    error->one(FLERR,
               "Pair style hotpp/lr: atoms have come or gone since the neighbour list was built: a fix "
               "that adds or deletes atoms must ask for a new list");
  }
  return outdated != 0;
}

// Distances are those of this step.
void PairHotppLR::update_edges() {
  const Profile::Timer timer(profile_, Profile::Edges);
  if (rows_are_outdated()) assign_rows();
  if (device_edges_) {
    device_edges_->update(atom->x, domain->boxlo, rows_);
  } else {
    candidates_.within(atom->x, members_[0]->metadata().cutoff, rows_, edges_);
    if (exchange_) exchange_->select(edges_.needed);
  }
  positions_.resize(3 * static_cast<std::size_t>(rows_.n_owned));
  // From the corner of the cell, so that atoms keep their place on the mesh when a barostat moves the corner.
  for (std::int64_t r = 0; r < rows_.n_owned; ++r)
    for (int a = 0; a < 3; ++a) positions_[3 * r + a] = atom->x[rows_.atom[r]][a] - domain->boxlo[a];
}

// LAMMPS adds up over the ranks what each of them reports: sums over all atoms are reported by one rank.
void PairHotppLR::tally_energies(hotpp::Member& member, double weight) {
  double moment[3] = {0, 0, 0}, total_charge = 0;
  auto* mesh = member.long_range();
  for (std::int64_t r = 0; r < rows_.n_owned; ++r) {
    const int i = rows_.atom[r];
    if (eflag_atom) eatom[i] += weight * energy_unit_ * member.energy_of_atom(r);
    double unwrapped[3];
    domain->unmap(atom->x[i], atom->image[i], unwrapped);
    const double charge = member.charge(r);
    const double* dipole = member.dipole(r);
    *outputs_.charge[i] += weight * charge;
    total_charge += charge;
    for (int a = 0; a < 3; ++a) {
      outputs_.dipole[i][a] += weight * dipole[a];
      moment[a] += charge * unwrapped[a] + dipole[a];
    }
    if (!mesh) continue;
    *outputs_.potential[i] += weight * mesh->potential[r];
    for (int a = 0; a < 3; ++a) outputs_.field[i][a] += weight * mesh->field[3 * r + a];
  }
  const double e_sr = member.short_range_energy();
  if (!std::isfinite(e_sr + member.long_range_energy()))
    error->one(
        FLERR,
        "Pair style hotpp/lr: the energy is {} eV: atoms overlap or the structure is far from anything the "
        "model was trained on",
        e_sr + member.long_range_energy());
  const double e_lr = comm->me == 0 ? member.long_range_energy() : 0.0;
  if (eflag_global) {
    eng_vdwl += weight * energy_unit_ * e_sr;
    eng_coul += weight * energy_unit_ * e_lr;
  }
  pvector[ShortRange] += weight * energy_unit_ * e_sr;
  pvector[LongRange] += weight * energy_unit_ * e_lr;
  for (int a = 0; a < 3; ++a) pvector[DipoleX + a] += weight * moment[a];
  pvector[TotalCharge] += weight * total_charge;
  if (mesh && comm->me == 0) pvector[MeshError] += weight * mesh->estimated_error();
}

// What the edges contribute: forces on both ends, strain derivative, stress of atoms.
void PairHotppLR::add_edge_terms(hotpp::Member& member, double weight, double* const* f,
                                 double strain_derivative[9]) {
  const bool atom_stress = vflag_atom || cvflag_atom;
  std::vector<double> fetched;
  if (device_edges_) {
    const auto& done = member.on_device();
    for (std::size_t k = 0; k < done.forces.size(); ++k) f[k / 3][k % 3] += energy_unit_ * done.forces[k];
    for (int k = 0; k < 9; ++k) strain_derivative[k] += weight * energy_unit_ * done.strain_derivative[k];
    if (!atom_stress) return;
    device_edges_->copy_to(edges_);
    fetched = done.edge_gradients();
  }
  const auto& gradients = device_edges_ ? fetched : member.edge_gradients();
  if (atom_stress)
    hotpp::add_edge_stress(edges_, rows_, gradients, weight * energy_unit_, vflag_atom ? vatom : nullptr,
                           cvflag_atom ? cvatom : nullptr);
  if (device_edges_) return;
  hotpp::add_edge_forces(edges_, rows_, gradients, energy_unit_, f);
  if (vflag_global) hotpp::add_edge_strain(edges_, gradients, weight * energy_unit_, strain_derivative);
}

// f: forces on owned and ghost atoms, of the whole system or of this member of an ensemble.
void PairHotppLR::tally_forces(hotpp::Member& member, double weight, double* const* f) {
  double strain_derivative[9] = {};  // ∂E/∂ε
  add_edge_terms(member, weight, f, strain_derivative);
  auto* mesh = member.long_range();
  if (mesh)
    for (std::int64_t r = 0; r < rows_.n_owned; ++r)
      for (int a = 0; a < 3; ++a) f[rows_.atom[r]][a] += energy_unit_ * mesh->forces[3 * r + a];
  if (vflag_atom && mesh)
    for (std::int64_t r = 0; r < rows_.n_owned; ++r)
      for (int k = 0; k < 6; ++k)
        vatom[rows_.atom[r]][k] -= weight * energy_unit_ * mesh->atom_strain[6 * r + k];
  if (!vflag_global) return;
  if (mesh && comm->me == 0)
    for (int k = 0; k < 9; ++k) strain_derivative[k] += weight * energy_unit_ * mesh->strain_derivative[k];
  // Only the sum of both parts is symmetric: the mesh part holds the dipoles fixed while the cell turns.
  const int row[6] = {0, 1, 2, 0, 0, 1}, column[6] = {0, 1, 2, 1, 2, 2};
  for (int k = 0; k < 6; ++k)
    virial[k] -=
        0.5 * (strain_derivative[3 * row[k] + column[k]] + strain_derivative[3 * column[k] + row[k]]);
}

// So that dumps and computes of LAMMPS see the learned charges and dipoles as they see those of other atoms.
void PairHotppLR::set_atom_properties() {
  for (std::int64_t r = 0; r < rows_.n_owned; ++r) {
    const int i = rows_.atom[r];
    if (options_.set_charges) atom->q[i] = *outputs_.charge[i];
    if (!options_.set_dipoles) continue;
    const double* dipole = outputs_.dipole[i];
    std::copy(dipole, dipole + 3, atom->mu[i]);
    atom->mu[i][3] = std::hypot(dipole[0], dipole[1], dipole[2]);
  }
}

void PairHotppLR::compare_members() {
  member_forces_.add_mean(atom->f);
  const auto deviation = member_forces_.deviation(transport_, atom->nlocal);
  for (int i = 0; i < atom->nlocal; ++i) *outputs_.force_deviation[i] = deviation[i];
  if (options_.deviation && update->ntimestep % options_.deviation->every == 0) write_deviation(deviation);
}

void PairHotppLR::write_deviation(const std::vector<double>& deviation) {
  const auto summary = hotpp::summarise(deviation, rows_, world);
  if (comm->me == 0)
    deviation_file_.append(
        options_.deviation->file, "# step, force deviation: max mean min (force unit of LAMMPS)\n",
        fmt::format("{} {:.8g} {:.8g} {:.8g}\n", update->ntimestep, summary.max, summary.mean, summary.min));
  const auto& window = options_.selection;
  if (!window || summary.max < window->low || summary.max > window->high) return;
  hotpp::Structure structure;
  structure.positions = positions_;
  structure.cell = cell();
  structure.periodic = {domain->xperiodic != 0, domain->yperiodic != 0, domain->zperiodic != 0};
  for (std::int64_t r = 0; r < rows_.n_owned; ++r) {
    structure.elements.push_back(static_cast<int>(rows_.species[r]));
    structure.tags.push_back(atom->tag_enable ? atom->tag[rows_.atom[r]] : 0);
  }
  const auto frame = hotpp::extended_xyz(
      structure, members_[0]->metadata().elements,
      fmt::format("step={} max_force_deviation={:.8g}", update->ntimestep, summary.max), world);
  if (comm->me == 0) selection_file_.append(window->file, "", frame);
}

int PairHotppLR::pack_forward_comm(int n, int* atoms, double* buf, int /*pbc_flag*/, int* /*pbc*/) {
  return transport_.pack_forward(n, atoms, buf);
}

void PairHotppLR::unpack_forward_comm(int n, int first, double* buf) {
  transport_.unpack_forward(n, first, buf);
}

int PairHotppLR::pack_reverse_comm(int n, int first, double* buf) {
  return transport_.pack_reverse(n, first, buf);
}

void PairHotppLR::unpack_reverse_comm(int n, int* atoms, double* buf) {
  transport_.unpack_reverse(n, atoms, buf);
}

void* PairHotppLR::extract_peratom(const char* name, int& columns) {
  hotpp::PerAtom* output = outputs_.find(name);
  if (!output) return nullptr;
  columns = output->columns();
  return output->pointer();
}

double PairHotppLR::memory_usage() {
  return Pair::memory_usage() +
         static_cast<double>(edges_.vectors.capacity() + positions_.capacity()) * sizeof(double);
}
