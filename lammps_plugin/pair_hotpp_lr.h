// SPDX-License-Identifier: GPL-2.0-or-later
// pair_style hotpp/lr: message passing potential with learned charges and dipoles on a particle mesh.
//
// pair_hotpp_lr.cpp        its commands, and what LAMMPS does with the object
// pair_hotpp_lr_setup.cpp  what it does at the start of a run
// pair_hotpp_lr_step.cpp   what it does at every step
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "atom_outputs.h"
#include "atom_rows.h"
#include "device.h"
#include "device_edges.h"
#include "edges.h"
#include "engine_exchange.h"
#include "ensemble.h"
#include "ghost_transport.h"
#include "member.h"
#include "options.h"
#include "pair.h"
#include "profile.h"

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
  void finish() override;
  void* extract_peratom(const char* name, int& columns) override;
  int pack_forward_comm(int n, int* list, double* buf, int pbc_flag, int* pbc) override;
  void unpack_forward_comm(int n, int first, double* buf) override;
  int pack_reverse_comm(int n, int first, double* buf) override;
  void unpack_reverse_comm(int n, int* list, double* buf) override;
  double memory_usage() override;

 private:
  void on_all_ranks(const std::function<void()>& action);
  void on_this_rank(const std::function<void()>& action);
  void choose_device();
  void share_out_cores();
  void warm_up();
  void require_model() const;
  std::string describe_device() const;
  void set_boundary();
  void check_atom_style() const;
  void print_summary();
  std::array<double, 9> cell() const;
  void update_cell();

  void check_positions() const;
  void prepare_atom_stress();
  bool rows_are_outdated();
  void assign_rows();
  void update_edges();
  void evaluate(hotpp::Member&);
  std::int64_t n_edges() const { return device_edges_ ? device_edges_->size() : edges_.size(); }
  void add_edge_terms(hotpp::Member&, double weight, double* const* f, double strain_derivative[9]);
  void tally_energies(hotpp::Member&, double weight);
  void tally_forces(hotpp::Member&, double weight, double* const* f);
  void set_atom_properties();
  void compare_members();
  void write_deviation(const std::vector<double>& deviation);

  // What `compute pair` reports.
  enum Extra { ShortRange, LongRange, DipoleX, DipoleY, DipoleZ, TotalCharge, MeshError, kExtra };

  hotpp::Options options_;
  std::vector<std::unique_ptr<hotpp::Member>> members_;  // one, or those of an ensemble
  std::vector<int> species_of_type_;                     // [ntypes + 1], -1: the model ignores the type
  double energy_unit_ = 1;                               // energy unit of LAMMPS per eV
  bool summary_printed_ = false;
  double seconds_reading_ = 0, seconds_warming_up_ = 0;  // what set-up took

  hotpp::Device device_;
  std::unique_ptr<hotpp::DeviceEdges> device_edges_;  // null on the processor, which uses edges_

  hotpp::AtomRows rows_;
  hotpp::EdgeCandidates candidates_;
  hotpp::Edges edges_;
  bigint last_build_ = -1;         // step of the neighbour list that rows and candidates belong to
  std::vector<double> positions_;  // [n_owned rows, 3] from the corner of the cell

  hotpp::GhostTransport transport_;
  std::unique_ptr<hotpp::EngineExchange> exchange_;  // null on one rank, where every atom is an owned one
  hotpp::AtomOutputs outputs_;
  hotpp::MemberForces member_forces_;
  hotpp::TextFile deviation_file_, selection_file_;
  hotpp::Profile profile_;
};

}  // namespace LAMMPS_NS
