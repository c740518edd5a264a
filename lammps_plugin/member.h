// SPDX-License-Identifier: GPL-2.0-or-later
// One model of the pair_style line: its network, its mesh, and what both make of a configuration.
#pragma once

#include <mpi.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device.h"
#include "device_edges.h"
#include "device_step.h"
#include "edges.h"
#include "long_range.h"
#include "model.h"
#include "options.h"
#include "profile.h"

namespace hotpp {

class Member {
 public:
  Member(const std::string& file, const Options&, MPI_Comm world);

  const std::string& file() const { return file_; }
  const ModelMetadata& metadata() const { return model_.metadata(); }
  const Model& model() const { return model_; }
  void set_threads(int threads) { model_.set_threads(threads); }
  // Before the first evaluation: all further ones are there.
  void move_to(const Device&);
  std::string problem_on(const Device& device) const { return model_.problem_on(device); }
  Model& model() { return model_; }
  LongRange* long_range() { return long_range_.get(); }  // null when the model has no charges

  // Collective, also for ranks without atoms. exchange: handle of the ghost exchange, 0 when no sender is a
  // ghost. positions [n_owned, 3] Å from the corner of the cell.
  void evaluate(const Edges&, const AtomRows&, std::int64_t exchange, const std::vector<double>& positions,
                Profile&);
  // The same on the device that it was moved to.
  void evaluate(const DeviceEdges&, const AtomRows&, std::int64_t exchange,
                const std::vector<double>& positions, Profile&);

  // Of the last evaluation, rows of owned atoms; eV, Å, e.
  double short_range_energy() const { return short_range_energy_; }                     // of this rank
  double long_range_energy() const { return long_range_ ? long_range_->energy : 0.0; }  // of all ranks
  double energy_of_atom(std::int64_t row) const;
  double charge(std::int64_t row) const {
    return long_range_ ? long_range_->charges[row] : model_.charges()[row];
  }
  const double* dipole(std::int64_t row) const {
    return &model_.dipoles()[3 * static_cast<std::size_t>(row)];
  }
  const std::vector<double>& edge_gradients() const { return *edge_gradients_; }  // [n_edges, 3]
  const DeviceStep& on_device() const { return *on_device_; }                     // in place of them
  // What the log should tell, once.
  std::string take_note() { return on_device_ ? on_device_->take_note() : std::string(); }

 private:
  void add_isolated(const AtomRows&);

  std::string file_;
  Model model_;
  std::unique_ptr<LongRange> long_range_;
  std::unique_ptr<DeviceStep> on_device_;  // null on the processor
  std::vector<double> isolated_;           // [n_owned] energies of the isolated atoms
  double short_range_energy_ = 0;
  const std::vector<double>* edge_gradients_ = nullptr;
};

// Throws std::invalid_argument when the models cannot be one ensemble, or lack what a keyword asks for.
void check_members(const std::vector<std::unique_ptr<Member>>& members, const Options&);

}  // namespace hotpp
