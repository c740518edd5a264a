// SPDX-License-Identifier: GPL-2.0-or-later
//
// hotpp_update_check: the kernels of atom_update on the device against the emulated ones on a few atoms,
// without Python or torch; what compute-sanitizer runs. Ends with 1 if a result is wrong. Compiled, not yet
// run on a device.
#include <cstdio>
#include <exception>
#include <random>
#include <vector>

#include "ops/device/check_arrays.cuh"
#include "ops/device/update_launch.h"
#include "pme/cuda/emulated_device.h"

using namespace hotpp::ops;
using namespace hotpp::ops::device;
using hotpp::pme::cuda::EmulatedLauncher;
using hotpp::pme::cuda::Order;

namespace {

constexpr std::int64_t n = 21, elements = 3;  // atoms: not a multiple of those of a block

// All results and gradients of a layer, one after the other. A first layer has features of one component.
template <class Real>
std::vector<Real> results(const UpdateKind& kind, bool first, UpdateDevice<Real>& device, bool on_device) {
  std::mt19937 generator(kind.rank + 10 * kind.channels);
  std::normal_distribution<double> normal;
  const auto random = [&](std::int64_t size, double scale = 1.0) {
    std::vector<Real> values(size);
    for (Real& value : values) value = static_cast<Real>(scale * normal(generator));
    return Array<Real>(values, on_device);
  };
  const auto nothing = [&](std::int64_t size) {
    return Array<Real>(std::vector<Real>(size, static_cast<Real>(NAN)), on_device);
  };
  UpdateJob<Real> job{};
  job.channels = static_cast<int>(kind.channels);
  job.row = static_cast<int>(padded_channels(kind.channels));
  job.components = kind.components();
  job.feature_components = first ? 1 : kind.components();
  job.rank = kind.rank;
  job.many_body = kind.many_body;
  job.last = kind.last;
  job.charges = kind.charges;
  job.dipoles = kind.dipoles;
  job.at = update_weights(kind);
  job.planes = update_planes(kind);
  job.n_elements = elements;

  const std::int64_t rows = n * kind.components() * kind.channels,
                     old_rows = n * job.feature_components * kind.channels;
  std::vector<std::int64_t> species(n);
  for (std::int64_t i = 0; i < n; ++i) species[i] = i % elements;
  Array<std::int64_t> of_atoms(species, on_device);
  // The transposed matrices need not be those of the forward pass: forward and backward are compared each.
  auto messages = random(rows), features = random(old_rows),
       of_elements = random(elements * (kind.channels + 2)),
       weights = random(job.at.size, 1 / std::sqrt(static_cast<double>(kind.channels))),
       by_features = random(rows), by_sent = random(rows), by_energies = random(n), by_charge = random(n),
       by_dipole = random(3 * n);
  auto new_features = nothing(rows), sent = nothing(rows), energies = nothing(n), charge = nothing(n),
       dipole = nothing(3 * n), kept = nothing(n * job.planes.count * kind.channels),
       by_messages = nothing(rows), by_old = nothing(old_rows);
  job.messages = messages.data();
  job.features = features.data();
  job.elements = of_elements.data();
  job.weights = weights.data();
  job.species = of_atoms.data();
  job.energies = energies.data();
  job.by_energies = by_energies.data();
  if (!kind.last) {
    job.new_features = new_features.data();
    job.sent = sent.data();
    job.by_features = by_features.data();
    job.by_sent = by_sent.data();
  }
  if (kind.charges) job.charge = charge.data(), job.by_charge = by_charge.data();
  if (kind.dipoles) job.dipole = dipole.data(), job.by_dipole = by_dipole.data();
  job.messages_gradient = by_messages.data();
  job.features_gradient = by_old.data();
  device.forward(job, n, kept.data());
  device.backward(job, n, kept.data());

  std::vector<Real> all;
  const auto add = [&](bool there, Array<Real>& array) {
    if (!there) return;
    const std::vector<Real>& values = array.fetch();
    all.insert(all.end(), values.begin(), values.end());
  };
  add(!kind.last, new_features);
  add(!kind.last, sent);
  add(true, energies);
  add(kind.charges, charge);
  add(kind.dipoles, dipole);
  add(true, by_messages);
  add(true, by_old);
  return all;
}

template <class Real>
bool check(const UpdateKind& kind, bool first, double tolerance) {
  const auto device = cuda_update_device<Real>(0, nullptr);
  UpdateLauncher<Real, EmulatedLauncher> reference(EmulatedLauncher(Order::Forward), 227 * 1024);
  const double worst = error(results(kind, first, *device, true), results(kind, first, reference, false));
  const bool good = worst < tolerance;
  std::printf("%s rank %d, %d channels, %s%s layer%s%s: %.1e %s\n", sizeof(Real) == 4 ? "float " : "double",
              kind.rank, static_cast<int>(kind.channels), kind.many_body ? "many-body, " : "",
              kind.last ? "last"
              : first   ? "first"
                        : "middle",
              kind.charges ? ", charges" : "", kind.dipoles ? ", dipoles" : "", worst, good ? "" : "WRONG");
  return good;
}

}  // namespace

int main() try {
  bool good = true;
  for (int rank : {0, 1, 2})
    for (bool many_body : {false, true})
      for (std::int64_t channels : {5, 64})
        for (int layer : {0, 1, 2, 3}) {
          const bool last = layer >= 2, heads = layer == 3;
          if (rank == 0 && many_body) continue;
          const UpdateKind kind{channels, rank, many_body, last, heads, heads && rank > 0};
          // some hundred operations with other fused multiplications and another exponential function
          good = check<float>(kind, layer == 0, 1e-4) && good;
          good = check<double>(kind, layer == 0, 1e-12) && good;
        }
  return good ? 0 : 1;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
