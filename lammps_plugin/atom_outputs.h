// SPDX-License-Identifier: GPL-2.0-or-later
// Values of every owned atom that `fix pair` may ask for, in the form in which LAMMPS wants them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace hotpp {

// [n, columns], or [n] for columns = 0
class PerAtom {
 public:
  explicit PerAtom(int columns) : columns_(columns) {}
  int columns() const { return columns_; }
  void zero(int n);
  // What extract_peratom returns: double* for a vector, double** for an array. Valid until there are more
  // atoms.
  void* pointer() { return columns_ ? static_cast<void*>(rows_.data()) : static_cast<void*>(values_.data()); }
  double* operator[](int i) { return &values_[static_cast<std::size_t>(i) * (columns_ ? columns_ : 1)]; }

 private:
  int columns_;
  std::vector<double> values_;
  std::vector<double*> rows_;
};

struct AtomOutputs {
  PerAtom charge{0};           // e
  PerAtom dipole{3};           // e·Å
  PerAtom potential{0};        // V
  PerAtom field{3};            // V/Å
  PerAtom force_deviation{0};  // of an ensemble, in the force unit of LAMMPS

  void zero(int n);
  PerAtom* find(const std::string& name);  // null when there is no such output
};

}  // namespace hotpp
