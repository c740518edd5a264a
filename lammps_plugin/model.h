// SPDX-License-Identifier: GPL-2.0-or-later
// The exported network: edges in; atomic energies, raw charges and dipoles out; one backward pass to the
// edges. Knows torch, but neither LAMMPS nor the mesh.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device.h"
#include "edges.h"
#include "model_metadata.h"
#include "options.h"

namespace hotpp {

struct Network;

class Model {
 public:
  // Throws std::invalid_argument with a sentence when the file is missing, damaged or foreign.
  Model(const std::string& path, Precision precision);
  ~Model();

  const ModelMetadata& metadata() const { return metadata_; }
  bool single_precision() const { return single_precision_; }
  int threads() const;
  void set_threads(int);  // of the process, for the mesh too

  // species [n_total]; exchange: handle of a GhostExchange, 0 when all senders are owned atoms.
  // `edges` must stay as they are until `backward`.
  void forward(const Edges& edges, const std::vector<std::int64_t>& species, std::int64_t n_owned,
               std::int64_t exchange);
  const std::vector<double>& energies() const { return energies_; }  // [n_owned] eV
  const std::vector<double>& charges() const { return charges_; }    // [n_owned] e, as the network gives them
  const std::vector<double>& dipoles() const { return dipoles_; }    // [n_owned, 3] e·Å

  // Derivative of Σ energies + Σ by_charge q + Σ by_dipole·μ with respect to the edge vectors, [n_edges, 3]
  // eV/Å.
  const std::vector<double>& backward(const std::vector<double>& by_charge,
                                      const std::vector<double>& by_dipole);

  // Why it cannot run there, or "".
  std::string problem_on(const Device&) const;
  // forward and backward then take everything there and back; DeviceStep leaves there what can stay.
  void move_to(const Device&);
  Network& network() { return *network_; }

 private:
  friend class DeviceStep;
  std::string path_;
  std::unique_ptr<Network> network_;
  ModelMetadata metadata_;
  bool single_precision_ = false;
  std::vector<double> energies_, charges_, dipoles_, edge_gradients_;
};

}  // namespace hotpp
