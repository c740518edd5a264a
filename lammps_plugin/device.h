// SPDX-License-Identifier: GPL-2.0-or-later
// Where the models are evaluated: the processor, or one of the node's devices. Without headers of torch.
#pragma once

#include <mpi.h>

#include <memory>
#include <string>

#include "device/device_graph.h"
#include "device/device_mesh.h"
#include "options.h"

namespace hotpp {

class Device {
 public:
  Device() = default;  // the processor
  // Collective. A kind without a number: the ranks of a node take the node's devices in turn, counted among
  // the ranks of that node. 'auto': cuda where every rank has one, else the processor. Throws
  // std::invalid_argument with a sentence when there is no such device.
  static Device choose(const DeviceWish&, MPI_Comm world);

  bool is_host() const { return kind_ == "cpu"; }
  std::string name() const { return is_host() ? kind_ : kind_ + ":" + std::to_string(index_); }
  int ranks() const { return ranks_; }  // of this node that share it, this one included

  // The library that has the mesh of this kind of device, beside this one.
  bool has_mesh() const { return make_mesh_ != nullptr; }
  std::string mesh_library() const;  // its file name
  std::unique_ptr<DeviceMesh> make_mesh(const pme::Settings&, bool single_precision) const;
  // Null where that of the host is faster for n atoms (device_mesh.h).
  std::unique_ptr<DeviceMesh> make_cluster(const pme::Kernel&, double farthest, std::int64_t n) const;

  // Whether it can record steps.
  bool has_graph() const { return make_graph_ != nullptr; }
  std::string graph_library() const;
  std::unique_ptr<DeviceGraph> make_graph() const;

 private:
  void open_libraries();

  std::string kind_ = "cpu";
  int index_ = 0, ranks_ = 1;
  DeviceMeshFactory* make_mesh_ = nullptr;
  DeviceClusterFactory* make_cluster_ = nullptr;
  DeviceGraphFactory* make_graph_ = nullptr;
};

}  // namespace hotpp
