// SPDX-License-Identifier: GPL-2.0-or-later
#include "atom_outputs.h"

#include <algorithm>
#include <cstddef>

namespace hotpp {

void PerAtom::zero(int n) {
  const auto width = static_cast<std::size_t>(std::max(columns_, 1));
  const auto size = static_cast<std::size_t>(std::max(n, 1));  // a null pointer would mean "no such output"
  if (values_.size() < size * width) {
    values_.resize(size * width);
    rows_.resize(size);
    for (std::size_t i = 0; i < size; ++i) rows_[i] = &values_[i * width];
  }
  std::fill(values_.begin(), values_.end(), 0.0);
}

void AtomOutputs::zero(int n) {
  for (PerAtom* output : {&charge, &dipole, &potential, &field, &force_deviation}) output->zero(n);
}

PerAtom* AtomOutputs::find(const std::string& name) {
  if (name == "charge") return &charge;
  if (name == "dipole") return &dipole;
  if (name == "potential") return &potential;
  if (name == "field") return &field;
  return name == "force_deviation" ? &force_deviation : nullptr;
}

}  // namespace hotpp
