// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/global_sums.h"

#include <array>

namespace hotpp::pme {
namespace {

constexpr int exact_sums = 1 + 6 + 9 + 3 + 9, flags = 2;
using Buffer = std::array<double, exact_sums * ExactSum::bins + flags>;

/// Calls f(sum, index) for all exact sums in a fixed order.
template <class F>
void for_each(GlobalSums& s, F&& f) {
  int k = 0;
  f(s.modes.energy, k++);
  for (ExactSum& sum : s.modes.moments) f(sum, k++);
  for (ExactSum& sum : s.dipole_strain) f(sum, k++);
  f(s.charge, k++);
  f(s.charge_squared, k++);
  f(s.dipole_squared, k++);
  for (ExactSum& sum : s.slab) f(sum, k++);
}

/// Calls f(member, index) for the members of SlabMoments.
template <class F>
void for_each(SlabMoments& m, F&& f) {
  int k = 0;
  for (double* member : {&m.charge, &m.moment, &m.second}) f(*member, k++);
  for (double& member : m.by_charge) f(member, k++);
  for (double& member : m.by_moment) f(member, k++);
}

}  // namespace

void GlobalSums::add_atoms(const Settings& settings, std::int64_t n, const double* positions,
                           const double* charges, const double* dipoles) {
  bool fits = true;
  for (std::int64_t i = 0; i < n; ++i) {
    if (settings.boundary == Boundary::Slab) {
      SlabMoments atom;
      atom.add(positions + 3 * i, charges[i], dipoles ? dipoles + 3 * i : nullptr);
      for_each(atom, [&](double& member, int k) { fits &= slab[k].add(member); });
    }
    fits &= charge.add(charges[i]);
    fits &= charge_squared.add(charges[i] * charges[i]);
    if (!dipoles) continue;
    const double* const mu = dipoles + 3 * i;
    fits &= dipole_squared.add(mu[0] * mu[0] + mu[1] * mu[1] + mu[2] * mu[2]);
  }
  too_large |= !fits;
}

GlobalTotals reduce(const Communicator& comm, GlobalSums& sums) {
  Buffer buffer{};
  for_each(sums, [&](ExactSum& sum, int k) { sum.export_bins(&buffer[k * ExactSum::bins]); });
  double* const flag = &buffer[exact_sums * ExactSum::bins];
  flag[0] = sums.mesh_overflow;
  flag[1] = sums.too_large || sums.modes.too_large;
  MPI_Allreduce(MPI_IN_PLACE, buffer.data(), static_cast<int>(buffer.size()), MPI_DOUBLE, MPI_SUM,
                comm.get());
  auto value = [&, k = 0]() mutable { return ExactSum::value(&buffer[k++ * ExactSum::bins]); };
  GlobalTotals totals;
  totals.mode_energy = value();
  for (double& moment : totals.mode_moments) moment = value();
  for (double& strain : totals.dipole_strain) strain = value();
  totals.charges.charge = value();
  totals.charges.charge_squared = value();
  totals.charges.dipole_squared = value();
  for_each(totals.slab, [&](double& member, int) { member = value(); });
  totals.mesh_overflow = flag[0] > 0;
  totals.too_large = flag[1] > 0;
  return totals;
}

std::int64_t reduce_bytes() { return sizeof(Buffer); }

}  // namespace hotpp::pme
