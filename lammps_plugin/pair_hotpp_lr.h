// SPDX-License-Identifier: GPL-2.0-or-later
// pair_style hotpp/lr: message passing potential with learned charges and dipoles on a particle mesh.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "edges.h"
#include "long_range.h"
#include "model.h"
#include "pair.h"

namespace LAMMPS_NS {

class PairHotppLR : public Pair {
 public:
  explicit PairHotppLR(LAMMPS* lmp);
  ~PairHotppLR() override;

  void settings(int narg, char** arg) override;
  void coeff(int narg, char** arg) override;
  void init_style() override;
  double init_one(int i, int j) override;
  void setup() override;
  void compute(int eflag, int vflag) override;
  void* extract_peratom(const char* name, int& columns) override;
  int pack_forward_comm(int n, int* list, double* buf, int pbc_flag, int* pbc) override;
  void unpack_forward_comm(int n, int first, double* buf) override;

 private:
  template <class Action>
  void with_errors_of_lammps(Action&& action);
  void print_summary();
  std::array<double, 9> cell() const;
  void update_cell();
  void gather_atoms();
  void evaluate_mesh();
  void tally_energies();
  void tally_forces();
  void grow_outputs();

  hotpp::Options options_;
  std::unique_ptr<hotpp::Model> model_;
  std::unique_ptr<hotpp::LongRange> long_range_;  // null when the model has no charges
  std::vector<int> species_of_type_;              // [ntypes + 1]
  double energy_unit_ = 1;                        // energy unit of LAMMPS per eV
  bool summary_printed_ = false;

  hotpp::Edges edges_;
  std::vector<std::int64_t> owner_;    // [n_owned + n_ghost] owned atom of which an atom is an image
  std::vector<std::int64_t> species_;  // [n_owned]
  std::vector<double> positions_;      // [n_owned, 3] from the corner of the cell
  int n_outputs_ = 0;                  // atoms for which there is room in the two arrays of `fix pair`
  double* charge_ = nullptr;
  double** dipole_ = nullptr;
};

}  // namespace LAMMPS_NS
