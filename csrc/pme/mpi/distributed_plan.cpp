// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/distributed_plan.h"

#include <algorithm>
#include <cstdio>
#include <new>
#include <stdexcept>

#include "pme/mpi/distributed_step.h"

namespace hotpp::pme {

template <class Real>
DistributedPlan<Real>::DistributedPlan(MPI_Comm comm, const Settings& settings, int rows, int columns)
    : step_(std::make_unique<DistributedStep<Real>>(comm, settings, rows, columns)) {}
template <class Real>
DistributedPlan<Real>::~DistributedPlan() = default;
template <class Real>
DistributedPlan<Real>::DistributedPlan(DistributedPlan&&) noexcept = default;
template <class Real>
DistributedPlan<Real>& DistributedPlan<Real>::operator=(DistributedPlan&&) noexcept = default;

template <class Real>
const Settings& DistributedPlan<Real>::settings() const {
  return step_->settings;
}
template <class Real>
const Layout& DistributedPlan<Real>::layout() const {
  return step_->layout;
}
template <class Real>
const Traffic& DistributedPlan<Real>::traffic() const {
  return step_->traffic;
}

template <class Real>
void DistributedPlan<Real>::set_cell(const double cell[9]) {
  DistributedStep<Real>& p = *step_;
  if (p.cell.volume > 0 && std::equal(cell, cell + 9, p.cell.rows.begin())) return;
  p.cell = Cell();  // if this one is refused, execute must say so on all ranks
  p.cell = Cell(cell);
  p.modes.set_cell(p.cell);
  if (p.convolution) p.convolution->set_cell(p.cell);
}

template <class Real>
void DistributedPlan<Real>::execute(std::int64_t n, const double* positions, const double* charges,
                                    const double* dipoles, Output& output) {
  try {
    step_->execute(n, positions, charges, dipoles, output);
  } catch (const std::bad_alloc&) {  // in the middle of an exchange: the others would wait for ever
    std::fputs("hotpp-lr: a rank has run out of memory for the mesh; use more ranks or a coarser mesh.\n",
               stderr);
    MPI_Abort(step_->comm.get(), 1);
  }
}

template <class Real>
MeshPart<Real> DistributedPlan<Real>::charge_mesh(std::int64_t n, const double* positions,
                                                  const double* charges, const double* dipoles) {
  DistributedStep<Real>& p = *step_;
  p.sum_charges(n, positions, charges, dipoles, Output());
  if (reduce(p.comm, p.sums).mesh_overflow)
    throw std::overflow_error("The sum on the charge mesh overflowed.");
  MeshPart<Real> part;
  if (!p.convolution) return part;
  part.x = p.layout.x(p.owner);
  part.y = p.layout.y(p.owner);
  for (int x = 0; x < part.x.size(); ++x)
    for (int y = 0; y < part.y.size(); ++y) {
      const Real* const row = p.convolution->mesh() + x * p.convolution->plane() + y * p.convolution->row();
      part.values.insert(part.values.end(), row, row + p.layout.mesh[2]);
    }
  return part;
}

template class DistributedPlan<float>;
template class DistributedPlan<double>;

}  // namespace hotpp::pme
