// SPDX-License-Identifier: GPL-2.0-or-later
#include "long_range.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>

#include "pme/mpi/gathered_atoms.h"

namespace hotpp {
namespace {

constexpr double kSlabCell = 3.0;  // heights of the box
// Atoms up to which their order is looked at for the error of the mesh: every rank then holds all of them.
constexpr double kMostMeasured = 1e6;
// Of a cluster, beyond the box: atoms leave it a little between two neighbour lists.
constexpr double kOutside = 10.0;  // Å
// Smearings across a cluster beyond which the radial table of a prolate kernel is too large to be made of the
// box; that of the host is made of the atoms.
constexpr double kLargestBox = 1e4;
// Rounding in single precision, relative rms of the field (measured against double precision, a fine mesh).
constexpr double kSingleRounding = 5e-7;

pme::Deconvolution deconvolution_of(const std::string& name) {
  if (name == "alias") return pme::Deconvolution::Alias;
  return name == "plain" ? pme::Deconvolution::Plain : pme::Deconvolution::None;
}

// A mesh or spacing without an order takes that of the training; without them the cheapest order is chosen.
std::optional<int> order_of(const ModelMetadata& model, const Options& options) {
  if ((options.mesh || options.spacing) && !options.order) return model.order;
  return options.order;
}

}  // namespace

const char* name_of(Boundary boundary) {
  if (boundary == Boundary::Periodic) return "periodic";
  return boundary == Boundary::Slab ? "slab open along z" : "cluster";
}

LongRange::LongRange(const ModelMetadata& model, const Options& options, bool single_precision,
                     MPI_Comm world)
    : world_(world),
      dipoles_(model.has_dipoles()),
      single_(single_precision),
      accuracy_(options.accuracy.value_or(model.accuracy)),
      total_charge_(options.total_charge.value_or(model.total_charge)),
      deconvolution_(model.deconvolution),
      kernel_(pme::Kernel::named(model.kernel, model.smearing)),
      choice_(kernel_, accuracy_, dipoles_, order_of(model, options), options.mesh, options.spacing) {
  if (dipoles_ && options.order && choice_.order() < 4)
    throw std::invalid_argument(
        "order " + std::to_string(choice_.order()) +
        " has no continuous forces on dipoles: use order 4 to 8, or a model without dipoles");
}

LongRange::~LongRange() = default;

void LongRange::set_boundary(Boundary boundary) {
  if (boundary != boundary_) {
    plan_.reset();
    device_plan_.reset();
    device_atoms_ = -1;
  }
  boundary_ = boundary;
}

// Of the mesh and of rounding: a fine mesh does not make single precision more exact.
double LongRange::estimated_error() const {
  return single_ ? std::hypot(estimate_, kSingleRounding) : estimate_;
}

bool LongRange::set_cell(const std::array<double, 9>& cell, std::int64_t n_atoms) {
  if (boundary_ == Boundary::Cluster) {
    set_cluster(cell, n_atoms);
    return false;
  }
  cell_ = cell;
  if (boundary_ == Boundary::Slab) cell_[8] *= kSlabCell;
  const auto assumed = pme::Sources::assumed(n_atoms, dipoles_);
  const bool chosen = choice_.update(cell_.data(), assumed) || !plan_;
  if (chosen) {
    pme::Settings settings;
    settings.order = choice_.order();
    settings.mesh = choice_.mesh();
    settings.kernel = kernel_;
    settings.deconvolution = deconvolution_of(deconvolution_);
    if (boundary_ == Boundary::Slab) settings.boundary = pme::Boundary::Slab;
    plan_ = make_mesh(settings, single_, world_);
    int ranks = 1;
    MPI_Comm_size(world_, &ranks);
    if (ranks == 1 && device_.has_mesh()) device_plan_ = device_.make_mesh(settings, single_);
    estimate_ = choice_.estimate(cell_.data(), assumed);
    estimate_is_measured_ = false;
  }
  plan_->set_cell(cell_.data());
  if (device_plan_) device_plan_->set_cell(cell_.data());
  return chosen;
}

void LongRange::set_cluster(const std::array<double, 9>& box, std::int64_t n_atoms) {
  if (!plan_) plan_ = make_cluster(kernel_, accuracy_, single_, world_);
  estimate_ = accuracy_;
  estimate_is_measured_ = true;
  int ranks = 1;
  MPI_Comm_size(world_, &ranks);
  if (ranks > 1 || !device_.has_mesh()) return;
  double across = kOutside;
  for (int a = 0; a < 3; ++a) across += std::hypot(box[3 * a], box[3 * a + 1], box[3 * a + 2]);
  if (n_atoms == device_atoms_ && across <= device_reach_) return;
  device_atoms_ = n_atoms;
  device_reach_ = 1.1 * across;  // a box that grows does not cost a table at every step
  device_plan_.reset();
  if (device_reach_ <= kLargestBox * kernel_.smearing)
    device_plan_ = device_.make_cluster(kernel_, device_reach_, n_atoms);
}

void LongRange::evaluate(std::int64_t n, const std::vector<double>& positions,
                         const std::vector<double>& raw_charges, const std::vector<double>& dipoles) {
  const auto size = static_cast<std::size_t>(n);
  double sums[2] = {std::accumulate(raw_charges.begin(), raw_charges.end(), 0.0), static_cast<double>(n)};
  add_up(sums, 2);
  const double atoms = sums[1], excess = sums[0] - total_charge_;
  charges.resize(size);
  if (atoms == 0) {
    energy = 0;
    strain_derivative.fill(0);
    by_charge.clear();
    by_dipole.clear();
    return;
  }
  for (std::size_t i = 0; i < size; ++i) charges[i] = raw_charges[i] - excess / atoms;

  potential.resize(size);
  field.assign(3 * size, 0.0);
  forces.resize(3 * size);
  pme::Output output{};
  output.potential = potential.data();
  // A rank without atoms wants the same outputs as the others: its pointers must not be null.
  static const double nothing[3] = {0, 0, 0};
  field.reserve(3);
  output.field = dipoles_ ? field.data() : nullptr;
  output.forces = forces.data();
  output.want_strain = true;
  if (want_atom_strain) {
    atom_strain.reserve(6);
    atom_strain.resize(6 * size);
    output.atom_strain = atom_strain.data();
  }
  const double* moments = size > 0 ? dipoles.data() : nothing;
  plan_->execute(n, positions.data(), charges.data(), dipoles_ ? moments : nullptr, output);
  energy = output.energy;
  for (int k = 0; k < 9; ++k) strain_derivative[k] = output.strain_derivative[k];
  complete(n, positions, dipoles);
}

void LongRange::complete(std::int64_t n, const std::vector<double>& positions,
                         const std::vector<double>& dipoles) {
  const auto size = static_cast<std::size_t>(n);
  double totals[5] = {std::accumulate(potential.begin(), potential.end(), 0.0), 0, 0, 0,
                      static_cast<double>(n)};
  for (std::size_t i = 0; i < 3 * size; ++i) totals[1 + i % 3] += forces[i];
  add_up(totals, 5);
  const double atoms = totals[4];
  // Derivative of the neutralised charges: only differences from the mean potential act on the network.
  const double mean = totals[0] / atoms;
  by_charge.resize(size);
  by_dipole.resize(3 * size);
  atom_energy.resize(size);
  for (std::size_t i = 0; i < size; ++i) {
    by_charge[i] = potential[i] - mean;
    atom_energy[i] = 0.5 * charges[i] * potential[i];
    for (int a = 0; a < 3; ++a) {
      by_dipole[3 * i + a] = -field[3 * i + a];
      atom_energy[i] -= 0.5 * dipoles[3 * i + a] * field[3 * i + a];
      forces[3 * i + a] -= totals[1 + a] / atoms;
    }
  }
  static const double nothing[3] = {0, 0, 0};
  if (!estimate_is_measured_ && atoms <= kMostMeasured)
    measure_error(n, positions, dipoles_ ? (size > 0 ? dipoles.data() : nothing) : nullptr);
}

// Once per mesh: the error depends on how the charges are ordered.
void LongRange::measure_error(std::int64_t n, const std::vector<double>& positions, const double* dipoles) {
  estimate_is_measured_ = true;
  pme::GatheredAtoms all(world_);
  all.gather(n, positions.data(), charges.data(), dipoles);
  double squares = 0;
  for (const double f : forces) squares += f * f;
  add_up(&squares, 1);
  if (!(squares > 0)) return;  // no charges: nothing to be wrong about
  const auto sources = pme::Sources::measured(all.size(), all.positions(), all.charges(), all.dipoles(),
                                              std::sqrt(squares / static_cast<double>(all.size())));
  estimate_ = choice_.estimate(cell_.data(), sources);
}

void LongRange::add_up(double* values, int count) const {
  MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, world_);
}

}  // namespace hotpp
