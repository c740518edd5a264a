// SPDX-License-Identifier: GPL-2.0-or-later
#include "mesh.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "pme/plan.h"

namespace hotpp {
namespace {

template <class Real>
class SerialMesh : public Mesh {
 public:
  explicit SerialMesh(const pme::Settings& settings) : plan_(settings) {}
  void set_cell(const double* cell) override { plan_.set_cell(cell); }
  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               pme::Output& output) override {
    plan_.execute(n, positions, charges, dipoles, output);
  }

 private:
  pme::Plan<Real> plan_;
};

// Every rank gathers all atoms and works on the whole mesh: right on any number of ranks, and no faster on
// many than on one.
template <class Real>
class ReplicatedMesh : public Mesh {
 public:
  ReplicatedMesh(const pme::Settings& settings, MPI_Comm world) : plan_(settings), world_(world) {
    MPI_Comm_rank(world, &me_);
    int ranks = 0;
    MPI_Comm_size(world, &ranks);
    counts_.resize(ranks);
    offsets_.resize(ranks);
  }
  void set_cell(const double* cell) override { plan_.set_cell(cell); }

  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               pme::Output& output) override {
    gather(n, 1, charges, charges_);
    gather(n, 3, positions, positions_);
    if (dipoles) gather(n, 3, dipoles, dipoles_);
    const std::size_t total = charges_.size();
    potential_.resize(total);
    field_.resize(3 * total);
    forces_.resize(3 * total);
    pme::Output all{};
    all.potential = potential_.data();
    all.field = output.field ? field_.data() : nullptr;
    all.forces = forces_.data();
    all.want_strain = output.want_strain;
    plan_.execute(static_cast<std::int64_t>(total), positions_.data(), charges_.data(),
                  dipoles ? dipoles_.data() : nullptr, all);
    output.energy = all.energy;
    std::copy(all.strain_derivative, all.strain_derivative + 9, output.strain_derivative);
    const std::size_t first = static_cast<std::size_t>(offsets_[me_]) / 3;
    std::copy_n(potential_.data() + first, n, output.potential);
    if (output.field) std::copy_n(field_.data() + 3 * first, 3 * n, output.field);
    std::copy_n(forces_.data() + 3 * first, 3 * n, output.forces);
  }

 private:
  void gather(std::int64_t n, int columns, const double* mine, std::vector<double>& all) {
    int count = static_cast<int>(n) * columns, total = 0;
    MPI_Allgather(&count, 1, MPI_INT, counts_.data(), 1, MPI_INT, world_);
    for (std::size_t r = 0; r < counts_.size(); ++r) {
      offsets_[r] = total;
      total += counts_[r];
    }
    all.resize(total);
    MPI_Allgatherv(mine, count, MPI_DOUBLE, all.data(), counts_.data(), offsets_.data(), MPI_DOUBLE, world_);
  }

  pme::Plan<Real> plan_;
  MPI_Comm world_;
  int me_ = 0;
  std::vector<int> counts_, offsets_;
  std::vector<double> positions_, charges_, dipoles_, potential_, field_, forces_;
};

template <class Real>
std::unique_ptr<Mesh> make(const pme::Settings& settings, MPI_Comm world) {
  int ranks = 1;
  MPI_Comm_size(world, &ranks);
  if (ranks == 1) return std::make_unique<SerialMesh<Real>>(settings);
  return std::make_unique<ReplicatedMesh<Real>>(settings, world);
}

}  // namespace

std::unique_ptr<Mesh> make_mesh(const pme::Settings& settings, bool single_precision, MPI_Comm world) {
  return single_precision ? make<float>(settings, world) : make<double>(settings, world);
}

}  // namespace hotpp
