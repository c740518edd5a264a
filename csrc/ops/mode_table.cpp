// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/mode_table.h"

#include <c10/util/Exception.h>

#include <cmath>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "pme/influence.h"
#include "pme/splines.h"

namespace hotpp::ops {
namespace {

// Tables beyond this many bytes are forgotten, the longest unused ones first.
constexpr std::size_t remembered_bytes = std::size_t{128} << 20;

using Key = std::tuple<std::array<int, 3>, std::array<double, 9>, int, int, int, double, double, int>;

// Least recently used out first. Shared by all threads.
template <class Real>
class Memory {
 public:
  using Table = std::shared_ptr<const ModeTable<Real>>;

  Table find(const Key& key) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return found->second->second;
  }

  void keep(const Key& key, const Table& table) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (index_.count(key)) return;
    order_.emplace_front(key, table);
    index_[key] = order_.begin();
    bytes_ += bytes(*table);
    while (bytes_ > remembered_bytes && order_.size() > 1) {
      bytes_ -= bytes(*order_.back().second);
      index_.erase(order_.back().first);
      order_.pop_back();
    }
  }

 private:
  static std::size_t bytes(const ModeTable<Real>& table) {
    return (table.value.size() + table.slope.size() + table.curvature.size()) * sizeof(Real);
  }

  std::mutex mutex_;
  std::list<std::pair<Key, Table>> order_;
  std::map<Key, typename std::list<std::pair<Key, Table>>::iterator> index_;
  std::size_t bytes_ = 0;
};

template <class Real>
void fill_slab(const ModeSettings& settings, const std::array<int, 3>& mesh, const double* g, int y,
               const std::array<std::vector<double>, 3>& factors, ModeTable<Real>& table) {
  const auto& [mx, my, mz] = table.modes;
  const int n_modes = mesh[2] / 2 + 1, padded = table.modes.stored();
  for (int x = 0; x < mesh[0]; ++x) {
    const std::size_t row = (static_cast<std::size_t>(y) * mesh[0] + x) * padded;
    const double plane =
        g[0] * mx.square[x] + g[4] * my.square[y] + (g[1] + g[3]) * mx.mixed[x] * my.mixed[y];
    const double along = (g[2] + g[6]) * mx.mixed[x] + (g[5] + g[7]) * my.mixed[y];
    const double factor = factors[0][x] * factors[1][y];
    for (int z = 0; z < n_modes; ++z) {
      if (x + y + z == 0) continue;  // the neutralising background; the tables begin as zeros
      const double k2 = plane + along * mz.mixed[z] + g[8] * mz.square[z];
      const double scale = factor * factors[2][z] / k2, s0 = settings.kernel.screening(k2);
      table.value[row + z] = static_cast<Real>(scale * s0);
      if (table.slope.empty()) continue;
      const double s1 = settings.kernel.screening_derivative(k2);
      table.slope[row + z] = static_cast<Real>(scale * (s1 - s0 / k2));
      if (table.curvature.empty()) continue;
      const double s2 = settings.kernel.screening_second_derivative(k2);
      table.curvature[row + z] = static_cast<Real>(scale * (s2 - 2.0 * s1 / k2 + 2.0 * s0 / (k2 * k2)));
    }
  }
}

// A prolate kernel costs an eigenvalue problem.
pme::Kernel known_kernel(const std::string& name, double smearing) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, double>, pme::Kernel> known;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = known.find({name, smearing});
  if (found != known.end()) return found->second;
  return known[{name, smearing}] = pme::Kernel::named(name, smearing);
}

}  // namespace

ModeSettings mode_settings(std::int64_t order, std::string_view deconvolution, std::string_view kernel,
                           double smearing) {
  ModeSettings settings{static_cast<int>(order), pme::Deconvolution::Alias, {}};
  if (deconvolution == "plain")
    settings.deconvolution = pme::Deconvolution::Plain;
  else if (deconvolution == "none")
    settings.deconvolution = pme::Deconvolution::None;
  else
    TORCH_CHECK_VALUE(deconvolution == "alias", "deconvolution is '", deconvolution,
                      "': choose one of alias, plain, none.");
  TORCH_CHECK_VALUE(smearing > 0.0 && std::isfinite(smearing), "smearing is ", smearing,
                    ": give a positive length in Å.");
  TORCH_CHECK_VALUE(kernel == "gaussian" || kernel == "prolate", "kernel is '", kernel,
                    "': choose gaussian or prolate.");
  settings.kernel = known_kernel(std::string(kernel), smearing);
  return settings;
}

AxisModes::AxisModes(int points, int stored, bool halved)
    : square(stored), mixed(stored), occurrences(stored) {
  for (int i = 0; i < (halved ? points / 2 + 1 : points); ++i) {
    const double mode = 2 * i <= points ? i : i - points;
    const bool nyquist = 2 * i == points;
    square[i] = mode * mode;
    mixed[i] = nyquist ? 0.0 : mode;
    occurrences[i] = halved && i > 0 && !nyquist ? 2.0 : 1.0;
  }
}

template <class Real>
std::shared_ptr<const ModeTable<Real>> mode_table(const ModeSettings& settings,
                                                  const std::array<int, 3>& mesh, const double* metric,
                                                  int derivatives) {
  static Memory<Real> memory;
  Key key{mesh,
          {},
          settings.order,
          static_cast<int>(settings.deconvolution),
          static_cast<int>(settings.kernel.kind),
          settings.kernel.smearing,
          settings.kernel.tail,
          derivatives};
  std::copy_n(metric, 9, std::get<1>(key).begin());
  if (auto known = memory.find(key)) return known;

  const int stored = padded_modes<Real>(mesh[2]);
  const std::size_t size = static_cast<std::size_t>(mesh[0]) * mesh[1] * stored;
  const auto table = std::make_shared<ModeTable<Real>>(ModeTable<Real>{Modes(mesh, stored), {}, {}, {}});
  table->value.resize(size);
  if (derivatives > 0) table->slope.resize(size);
  if (derivatives > 1) table->curvature.resize(size);
  std::array<std::vector<double>, 3> factors;
  for (int d = 0; d < 3; ++d)
    factors[d] = pme::deconvolution_factors(mesh[d], settings.order, settings.deconvolution);
#pragma omp parallel for schedule(static)
  for (int y = 0; y < mesh[1]; ++y) fill_slab(settings, mesh, metric, y, factors, *table);
  memory.keep(key, table);
  return table;
}

template std::shared_ptr<const ModeTable<float>> mode_table(const ModeSettings&, const std::array<int, 3>&,
                                                            const double*, int);
template std::shared_ptr<const ModeTable<double>> mode_table(const ModeSettings&, const std::array<int, 3>&,
                                                             const double*, int);

}  // namespace hotpp::ops
