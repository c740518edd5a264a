// SPDX-License-Identifier: GPL-2.0-or-later
#include "long_range.h"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <stdexcept>
#include <string>

#include "pme/accuracy.h"

namespace hotpp {

namespace {

constexpr double kLengthTolerance = 0.05;

pme::Deconvolution deconvolution_of(const std::string& name) {
  if (name == "alias") return pme::Deconvolution::Alias;
  return name == "plain" ? pme::Deconvolution::Plain : pme::Deconvolution::None;
}

std::array<double, 3> lengths_of(const std::array<double, 9>& cell) {
  std::array<double, 3> lengths{};
  for (int i = 0; i < 3; ++i) lengths[i] = std::hypot(cell[3 * i], cell[3 * i + 1], cell[3 * i + 2]);
  return lengths;
}

}  // namespace

LongRange::LongRange(const ModelMetadata& model, const Options& options, bool single_precision,
                     MPI_Comm world)
    : world_(world),
      dipoles_(model.has_dipoles()),
      single_(single_precision),
      fixed_mesh_(options.mesh.has_value()),
      order_(options.order.value_or(model.order)),
      accuracy_(options.accuracy.value_or(model.accuracy)),
      smearing_(model.smearing),
      total_charge_(options.total_charge.value_or(model.total_charge)),
      kernel_(model.kernel),
      deconvolution_(model.deconvolution) {
  if (dipoles_ && order_ < 4)
    throw std::invalid_argument(
        "order " + std::to_string(order_) +
        " has no continuous forces on dipoles: use order 4 to 8, or a model without dipoles");
  if (fixed_mesh_) mesh_ = *options.mesh;
}

LongRange::~LongRange() = default;

bool LongRange::set_cell(const std::array<double, 9>& cell) {
  const auto lengths = lengths_of(cell);
  bool choose = !plan_;
  for (int i = 0; i < 3 && !choose && !fixed_mesh_; ++i)
    choose = std::abs(lengths[i] / lengths_[i] - 1) > kLengthTolerance;
  if (choose) {
    if (!fixed_mesh_) mesh_ = pme::mesh_size(cell.data(), smearing_, accuracy_, order_);
    lengths_ = lengths;
    pme::Settings settings;
    settings.order = order_;
    settings.mesh = mesh_;
    settings.kernel = pme::Kernel::named(kernel_, smearing_);
    settings.deconvolution = deconvolution_of(deconvolution_);
    plan_ = make_mesh(settings, single_, world_);
  }
  cell_ = cell;
  plan_->set_cell(cell.data());
  return choose;
}

double LongRange::estimated_error() const {
  return pme::estimated_error(cell_.data(), smearing_, order_, mesh_);
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
  const double* moments = size > 0 ? dipoles.data() : nothing;
  plan_->execute(n, positions.data(), charges.data(), dipoles_ ? moments : nullptr, output);
  energy = output.energy;
  for (int k = 0; k < 9; ++k) strain_derivative[k] = output.strain_derivative[k];

  double totals[4] = {std::accumulate(potential.begin(), potential.end(), 0.0), 0, 0, 0};
  for (std::size_t i = 0; i < 3 * size; ++i) totals[1 + i % 3] += forces[i];
  add_up(totals, 4);
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
}

void LongRange::add_up(double* values, int count) const {
  MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, world_);
}

}  // namespace hotpp
