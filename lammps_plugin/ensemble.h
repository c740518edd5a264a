// SPDX-License-Identifier: GPL-2.0-or-later
// How much the models of an ensemble disagree about the forces.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "atom_rows.h"
#include "ghost_transport.h"

namespace hotpp {

// Forces of each model on owned and ghost atoms.
class MemberForces {
 public:
  // Room for `members` models and n owned and ghost atoms, all zero.
  void reset(int members, int n);
  double* const* of(int member) { return rows_[member].data(); }
  // Adds the mean over the models to f [n][3].
  void add_mean(double* const* f) const;
  // Collective. [n_owned of LAMMPS] sqrt(mean_k |f_k - mean_k f_k|²)
  std::vector<double> deviation(GhostTransport&, int n_owned);

 private:
  int n_ = 0;
  std::vector<std::vector<double>> forces_;  // [members][n, 3]
  std::vector<std::vector<double*>> rows_;
};

struct DeviationSummary {
  double max = 0, mean = 0, min = 0;
};

// Collective: over the atoms of the model on all ranks.
DeviationSummary summarise(const std::vector<double>& deviation, const AtomRows& rows, MPI_Comm);

// A text file that one rank appends to; closed with its owner.
class TextFile {
 public:
  // Throws std::runtime_error with a sentence when the file cannot be opened.
  void append(const std::string& name, const std::string& header, const std::string& text);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace hotpp
