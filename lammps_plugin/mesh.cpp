// SPDX-License-Identifier: GPL-2.0-or-later
#include "mesh.h"

#include <utility>

#include "pme/mpi/distributed_plan.h"
#include "pme/plan.h"

namespace hotpp {
namespace {

template <class Plan>
class MeshOf : public Mesh {
 public:
  explicit MeshOf(Plan plan) : plan_(std::move(plan)) {}
  void set_cell(const double* cell) override { plan_.set_cell(cell); }
  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               pme::Output& output) override {
    plan_.execute(n, positions, charges, dipoles, output);
  }

 private:
  Plan plan_;
};

template <class Real>
std::unique_ptr<Mesh> make(const pme::Settings& settings, MPI_Comm world) {
  int ranks = 1;
  MPI_Comm_size(world, &ranks);
  // Without the fixed point sums and messages, one rank is faster by itself.
  if (ranks == 1) return std::make_unique<MeshOf<pme::Plan<Real>>>(pme::Plan<Real>(settings));
  return std::make_unique<MeshOf<pme::DistributedPlan<Real>>>(pme::DistributedPlan<Real>(world, settings));
}

}  // namespace

std::unique_ptr<Mesh> make_mesh(const pme::Settings& settings, bool single_precision, MPI_Comm world) {
  return single_precision ? make<float>(settings, world) : make<double>(settings, world);
}

}  // namespace hotpp
