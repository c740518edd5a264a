// SPDX-License-Identifier: GPL-2.0-or-later
#include "mesh.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "gathered_atoms.h"
#include "pme/cluster.h"
#include "pme/mpi/distributed_plan.h"
#include "pme/plan.h"

namespace hotpp {
namespace {

// The atoms that it is given are those that the solver works on.
template <class Solver>
class Direct : public Mesh {
 public:
  explicit Direct(Solver solver) : solver_(std::move(solver)) {}
  void set_cell(const double* cell) override {
    if constexpr (!std::is_same_v<Solver, pme::Cluster<float>> &&
                  !std::is_same_v<Solver, pme::Cluster<double>>)
      solver_.set_cell(cell);
  }
  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               pme::Output& output) override {
    solver_.execute(n, positions, charges, dipoles, output);
  }
  pme::Messages sent() const override {
    pme::Messages sum;
    if constexpr (std::is_same_v<Solver, pme::DistributedPlan<float>> ||
                  std::is_same_v<Solver, pme::DistributedPlan<double>>) {
      const pme::Traffic& traffic = solver_.traffic();
      for (const auto& part : {traffic.charge, traffic.transposes, traffic.potential, traffic.collectives}) {
        sum.messages += part.messages;
        sum.bytes += part.bytes;
      }
    }
    return sum;
  }

 private:
  Solver solver_;
};

// For clusters: every rank works on all atoms, right on any number of ranks, and no faster on many than on
// one.
class Replicated : public Mesh {
 public:
  Replicated(std::unique_ptr<Mesh> serial, MPI_Comm world) : serial_(std::move(serial)), atoms_(world) {}
  void set_cell(const double* cell) override { serial_->set_cell(cell); }

  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               pme::Output& output) override {
    atoms_.gather(n, positions, charges, dipoles);
    potential_.resize(atoms_.size());
    field_.resize(3 * atoms_.size());
    forces_.resize(3 * atoms_.size());
    pme::Output all{};
    all.potential = potential_.data();
    all.field = output.field ? field_.data() : nullptr;
    all.forces = forces_.data();
    all.want_strain = output.want_strain;
    if (output.atom_strain) atom_strain_.resize(6 * atoms_.size() + 1);
    all.atom_strain = output.atom_strain ? atom_strain_.data() : nullptr;
    serial_->execute(atoms_.size(), atoms_.positions(), atoms_.charges(), atoms_.dipoles(), all);
    output.energy = all.energy;
    std::copy(all.strain_derivative, all.strain_derivative + 9, output.strain_derivative);
    std::copy_n(potential_.data() + atoms_.first(), n, output.potential);
    if (output.field) std::copy_n(field_.data() + 3 * atoms_.first(), 3 * n, output.field);
    std::copy_n(forces_.data() + 3 * atoms_.first(), 3 * n, output.forces);
    if (output.atom_strain) std::copy_n(atom_strain_.data() + 6 * atoms_.first(), 6 * n, output.atom_strain);
    sent_ = {1, n * (output.field ? 7 : 4) * static_cast<std::int64_t>(sizeof(double))};
  }
  pme::Messages sent() const override { return sent_; }

 private:
  std::unique_ptr<Mesh> serial_;
  GatheredAtoms atoms_;
  std::vector<double> potential_, field_, forces_, atom_strain_;
  pme::Messages sent_;
};

template <class Solver>
std::unique_ptr<Mesh> direct(Solver solver) {
  return std::make_unique<Direct<Solver>>(std::move(solver));
}

std::unique_ptr<Mesh> on_all_ranks(std::unique_ptr<Mesh> serial, MPI_Comm world) {
  int ranks = 1;
  MPI_Comm_size(world, &ranks);
  if (ranks == 1) return serial;
  return std::make_unique<Replicated>(std::move(serial), world);
}

template <class Real>
std::unique_ptr<Mesh> make(const pme::Settings& settings, MPI_Comm world) {
  int ranks = 1;
  MPI_Comm_size(world, &ranks);
  // Without the fixed point sums and messages, one rank is faster by itself. The distributed mesh is
  // periodic.
  if (ranks > 1 && settings.boundary == pme::Boundary::Periodic)
    return direct(pme::DistributedPlan<Real>(world, settings));
  return on_all_ranks(direct(pme::Plan<Real>(settings)), world);
}

}  // namespace

std::unique_ptr<Mesh> make_mesh(const pme::Settings& settings, bool single_precision, MPI_Comm world) {
  return single_precision ? make<float>(settings, world) : make<double>(settings, world);
}

std::unique_ptr<Mesh> make_cluster(const pme::Kernel& kernel, double accuracy, bool single_precision,
                                   MPI_Comm world) {
  return on_all_ranks(single_precision ? direct(pme::Cluster<float>(kernel, accuracy))
                                       : direct(pme::Cluster<double>(kernel, accuracy)),
                      world);
}

}  // namespace hotpp
