// SPDX-License-Identifier: GPL-2.0-or-later
#include "device.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <dlfcn.h>

#include <stdexcept>

#include "node_ranks.h"

namespace hotpp {
namespace {

// 0 when torch does not know such devices or there are none.
int device_count(const std::string& kind) {
  try {
    const auto* device =
        c10::impl::device_guard_impl_registry[static_cast<std::size_t>(c10::Device(kind).type())].load();
    return device ? device->deviceCount() : 0;
  } catch (const c10::Error&) {  // no kind that this torch has a name for
    return 0;
  }
}

std::string folder_of_this_library() {
  static const char here = 0;
  Dl_info self{};
  dladdr(&here, &self);
  const std::string path = self.dli_fname ? self.dli_fname : "";
  return path.substr(0, path.find_last_of('/') + 1);
}

void* open_beside(const std::string& file) {
  // NODELETE: see plugin.cpp
  return dlopen((folder_of_this_library() + file).c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

}  // namespace

std::string Device::mesh_library() const { return "libhotpp_device_" + kind_ + ".so"; }

std::string Device::graph_library() const { return "libhotpp_graph_" + kind_ + ".so"; }

void Device::open_libraries() {
  if (kind_ == "cuda") open_beside("libhotpp_ops_cuda.so");  // kernels of the operators (csrc/ops/device)
  void* const library = open_beside(mesh_library());
  if (library) {
    make_mesh_ = reinterpret_cast<DeviceMeshFactory*>(dlsym(library, kDeviceMeshFactory));
    make_cluster_ = reinterpret_cast<DeviceClusterFactory*>(dlsym(library, kDeviceClusterFactory));
  }
  void* const graphs = open_beside(graph_library());
  for (void* from : {graphs, library})
    if (from && !make_graph_)
      make_graph_ = reinterpret_cast<DeviceGraphFactory*>(dlsym(from, kDeviceGraphFactory));
}

Device Device::choose(const DeviceWish& wish, MPI_Comm world) {
  Device device;
  if (wish.kind == "cpu") return device;
  const bool any = wish.kind == "auto";
  device.kind_ = any ? "cuda" : wish.kind;
  device.open_libraries();  // before torch is asked: the library of the emulated device brings it along
  const int count = device_count(device.kind_);
  const NodeRanks node(world);
  device.index_ = wish.index >= 0 ? wish.index : count > 0 ? node.rank() % count : 0;
  device.ranks_ = node.alike(device.index_);
  int everywhere = count > device.index_;
  MPI_Allreduce(MPI_IN_PLACE, &everywhere, 1, MPI_INT, MPI_MIN, world);
  if (everywhere) return device;
  if (any) return Device();
  const std::string given = wish.index >= 0 ? device.name() : device.kind_;
  const std::string remedy =
      "use 'device cpu', or install a torch that was built for such devices and their driver";
  if (count == 0)
    throw std::invalid_argument("'device " + given + "', but torch finds no device of that kind: " + remedy);
  if (count <= device.index_)
    throw std::invalid_argument("'device " + given + "', but there are " + std::to_string(count) + " (" +
                                device.kind_ + ":0 to " + device.kind_ + ":" + std::to_string(count - 1) +
                                "): give one of these, or '" + device.kind_ +
                                "' for one by the rank on the node");
  throw std::invalid_argument("'device " + given + "', but another node has no such device: " + remedy);
}

std::unique_ptr<DeviceMesh> Device::make_mesh(const pme::Settings& settings, bool single_precision) const {
  const c10::DeviceGuard current{c10::Device(name())};
  return std::unique_ptr<DeviceMesh>(make_mesh_(settings, single_precision));
}

std::unique_ptr<DeviceMesh> Device::make_cluster(const pme::Kernel& kernel, double farthest,
                                                 std::int64_t n) const {
  const c10::DeviceGuard current{c10::Device(name())};
  return std::unique_ptr<DeviceMesh>(make_cluster_(kernel, farthest, n));
}

std::unique_ptr<DeviceGraph> Device::make_graph() const {
  const c10::DeviceGuard current{c10::Device(name())};
  return std::unique_ptr<DeviceGraph>(make_graph_());
}

}  // namespace hotpp
