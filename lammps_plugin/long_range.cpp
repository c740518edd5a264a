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

pme::Deconvolution deconvolution_of(const std::string& name) {
  if (name == "alias") return pme::Deconvolution::Alias;
  return name == "plain" ? pme::Deconvolution::Plain : pme::Deconvolution::None;
}

}  // namespace

LongRange::LongRange(const ModelMetadata& model, const Options& options, bool single_precision)
    : dipoles_(model.has_dipoles()),
      single_(single_precision),
      total_charge_(model.total_charge),
      deconvolution_(model.deconvolution),
      kernel_(pme::Kernel::named(model.kernel, model.smearing)),
      choice_(kernel_, options.accuracy.value_or(model.accuracy), dipoles_,
              options.order.value_or(model.order), options.mesh) {
  if (dipoles_ && choice_.order() < 4)
    throw std::invalid_argument(
        "order " + std::to_string(choice_.order()) +
        " has no continuous forces on dipoles: use order 4 to 8, or a model without dipoles");
}

LongRange::~LongRange() = default;

bool LongRange::set_cell(const std::array<double, 9>& cell, std::int64_t n_atoms) {
  const auto assumed = pme::Sources::assumed(n_atoms, dipoles_);
  const bool chosen = choice_.update(cell.data(), assumed) || !plan_;
  if (chosen) {
    pme::Settings settings;
    settings.order = choice_.order();
    settings.mesh = choice_.mesh();
    settings.kernel = kernel_;
    settings.deconvolution = deconvolution_of(deconvolution_);
    if (single_) {
      plan_ = std::make_unique<MeshOf<float>>(settings);
    } else {
      plan_ = std::make_unique<MeshOf<double>>(settings);
    }
    estimate_ = choice_.estimate(cell.data(), assumed);
    estimate_is_measured_ = false;
  }
  cell_ = cell;
  plan_->set_cell(cell.data());
  return chosen;
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
  if (!estimate_is_measured_) measure_error(n, positions, dipoles);
}

// Once per mesh: the error depends on how the charges are ordered.
void LongRange::measure_error(std::int64_t n, const std::vector<double>& positions,
                              const std::vector<double>& dipoles) {
  double sum = 0;
  for (const double f : forces) sum += f * f;
  estimate_is_measured_ = true;
  if (!(sum > 0)) return;  // no charges: nothing to be wrong about
  const auto sources = pme::Sources::measured(n, positions.data(), charges.data(),
                                              dipoles_ ? dipoles.data() : nullptr, std::sqrt(sum / n));
  estimate_ = choice_.estimate(cell_.data(), sources);
}

}  // namespace hotpp
