// SPDX-License-Identifier: GPL-2.0-or-later
// hotpp_pme_device_check: the CUDA plan against the emulated one in float64 on small systems, without Python;
// what compute-sanitizer runs. Ends with 1 if a result is wrong. Compiled, not yet run on a device.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <vector>

#include "pme/cuda/cluster_cuda.h"
#include "pme/cuda/emulated_cluster.h"
#include "pme/cuda/emulated_plan.h"
#include "pme/cuda/plan_cuda.h"

using namespace hotpp::pme;
using namespace hotpp::pme::cuda;

namespace {

struct Arrays {
  double energy = NAN, strain[9];
  std::vector<double> positions, charges, dipoles, potential, field, forces;

  explicit Arrays(int n) : potential(n, NAN), field(3 * n, NAN), forces(3 * n, NAN) {
    std::mt19937 generator(n);
    std::uniform_real_distribution<double> anywhere(-15.0, 25.0), unit(-1.0, 1.0);
    for (int i = 0; i < 3 * n; ++i) positions.push_back(anywhere(generator));
    for (int i = 0; i < 3 * n; ++i) dipoles.push_back(0.3 * unit(generator));
    for (int i = 0; i < n; ++i) charges.push_back(unit(generator) + 0.1);
  }
  DeviceAtoms atoms(bool with_dipoles) const {
    DeviceAtoms a;
    a.n = static_cast<int>(charges.size());
    a.positions = positions.data();
    a.charges = charges.data();
    if (with_dipoles) a.dipoles = dipoles.data();
    return a;
  }
  DeviceOutput output() {
    DeviceOutput o;
    o.energy = &energy;
    o.potential = potential.data();
    o.field = field.data();
    o.forces = forces.data();
    o.strain_derivative = strain;
    return o;
  }
};

/// Largest deviation relative to the largest element; infinite if anything is not finite.
double error(const double* actual, const double* expected, std::size_t count) {
  double largest = 0.0, deviation = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(actual[i])) return INFINITY;
    largest = std::fmax(largest, std::fabs(expected[i]));
    deviation = std::fmax(deviation, std::fabs(actual[i] - expected[i]));
  }
  return deviation / largest;
}

/// Largest error of all outputs for n atoms.
template <class Plan, class Reference>
double deviation(Plan& plan, Reference& reference, int n, bool dipoles) {
  Arrays expected(n), actual(n);
  reference.execute_host(expected.atoms(dipoles), expected.output());
  plan.execute_host(actual.atoms(dipoles), actual.output());
  double worst =
      std::fmax(error(&actual.energy, &expected.energy, 1), error(actual.strain, expected.strain, 9));
  worst = std::fmax(worst, error(actual.potential.data(), expected.potential.data(), n));
  worst = std::fmax(worst, error(actual.field.data(), expected.field.data(), 3 * n));
  return std::fmax(worst, error(actual.forces.data(), expected.forces.data(), 3 * n));
}

bool check_cluster(bool dipoles) {
  const Kernel kernel = Kernel::prolate(1.1);
  CudaCluster sums(kernel, 100.0);
  EmulatedCluster reference(kernel, 100.0, true, Order::Forward);
  const double worst = deviation(sums, reference, 150, dipoles);
  const bool good = worst < 1e-12;  // other fused multiplications
  std::printf("double cluster dipoles %d: %.1e %s\n", dipoles, worst, good ? "" : "WRONG");
  return good;
}

template <class Real>
bool check(int order, Path path, bool dipoles, bool graphs, double tolerance) {
  const Settings settings{order, {24, 9, 36}, 1.1};
  const double cell[9] = {8.5, 0.3, -0.2, 0.9, 9.1, 0.4, -1.0, 0.6, 10.2};
  CudaPlan<Real> plan(settings, path, graphs);
  EmulatedPlan<double> reference(settings, Path::Direct, Order::Forward);
  plan.set_cell(cell);
  reference.set_cell(cell);
  double worst = 0.0;
  // the first call loads, the second records, the third replays
  for (int n : {60, 60, 60, 33}) worst = std::fmax(worst, deviation(plan, reference, n, dipoles));
  const bool good = worst < tolerance;
  std::printf("%s order %d path %d dipoles %d graphs %d: %.1e %s\n", sizeof(Real) == 4 ? "float " : "double",
              order, static_cast<int>(path), dipoles, graphs, worst, good ? "" : "WRONG");
  return good;
}

}  // namespace

/// With an argument, that order alone and kernels one by one: little enough for compute-sanitizer.
int main(int count, char** arguments) try {
  const int only = count > 1 ? std::atoi(arguments[1]) : 0;
  bool good = check_cluster(false);
  good = check_cluster(true) && good;
  for (int order : {4, 6, 8}) {
    if (only && order != only) continue;
    for (Path path : {Path::Direct, Path::Sorted, Path::Tiles})
      for (bool dipoles : {false, true})
        for (bool graphs : {false, true}) {
          if (only && graphs) continue;
          good = check<float>(order, path, dipoles, graphs, 1e-5) && good;
          if (path != Path::Tiles) good = check<double>(order, path, dipoles, graphs, 1e-11) && good;
        }
  }
  return good ? 0 : 1;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
