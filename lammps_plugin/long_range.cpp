// SPDX-License-Identifier: GPL-2.0-or-later
#include "long_range.h"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <stdexcept>
#include <string>

#include "pme/accuracy.h"
#include "pme/plan.h"

namespace hotpp {

// One type for meshes of either precision.
class LongRange::Mesh {
 public:
  virtual ~Mesh() = default;
  virtual void set_cell(const double* cell) = 0;
  virtual void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
                       pme::Output& output) = 0;
};

template <class Real>
class LongRange::MeshOf : public LongRange::Mesh {
 public:
  explicit MeshOf(const pme::Settings& settings) : plan_(settings) {}
  void set_cell(const double* cell) override { plan_.set_cell(cell); }
  void execute(std::int64_t n, const double* positions, const double* charges, const double* dipoles,
               pme::Output& output) override {
    plan_.execute(n, positions, charges, dipoles, output);
  }

 private:
  pme::Plan<Real> plan_;
};

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

LongRange::LongRange(const ModelMetadata& model, const Options& options, bool single_precision)
    : dipoles_(model.has_dipoles()),
      single_(single_precision),
      fixed_mesh_(options.mesh.has_value()),
      order_(options.order.value_or(model.order)),
      accuracy_(options.accuracy.value_or(model.accuracy)),
      smearing_(model.smearing),
      total_charge_(model.total_charge),
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
    if (single_) {
      plan_ = std::make_unique<MeshOf<float>>(settings);
    } else {
      plan_ = std::make_unique<MeshOf<double>>(settings);
    }
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
  const double excess = std::accumulate(raw_charges.begin(), raw_charges.end(), 0.0) - total_charge_;
  charges.resize(size);
  for (std::size_t i = 0; i < size; ++i) charges[i] = raw_charges[i] - excess / n;

  potential_.resize(size);
  field_.assign(3 * size, 0.0);
  forces.resize(3 * size);
  pme::Output output{};
  output.potential = potential_.data();
  output.field = dipoles_ ? field_.data() : nullptr;
  output.forces = forces.data();
  output.want_strain = true;
  plan_->execute(n, positions.data(), charges.data(), dipoles_ ? dipoles.data() : nullptr, output);
  energy = output.energy;
  for (int k = 0; k < 9; ++k) strain_derivative[k] = output.strain_derivative[k];

  // Derivative of the neutralised charges: only differences from the mean potential act on the network.
  const double mean = std::accumulate(potential_.begin(), potential_.end(), 0.0) / n;
  by_charge.resize(size);
  by_dipole.resize(3 * size);
  atom_energy.resize(size);
  double net[3] = {0, 0, 0};
  for (std::size_t i = 0; i < size; ++i) {
    by_charge[i] = potential_[i] - mean;
    atom_energy[i] = 0.5 * charges[i] * potential_[i];
    for (int a = 0; a < 3; ++a) {
      by_dipole[3 * i + a] = -field_[3 * i + a];
      atom_energy[i] -= 0.5 * dipoles[3 * i + a] * field_[3 * i + a];
      net[a] += forces[3 * i + a];
    }
  }
  for (std::size_t i = 0; i < size; ++i)
    for (int a = 0; a < 3; ++a) forces[3 * i + a] -= net[a] / n;
}

}  // namespace hotpp
