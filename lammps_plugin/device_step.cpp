// SPDX-License-Identifier: GPL-2.0-or-later
#include "device_step.h"

#include <c10/core/DeviceGuard.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>

#include "device_edges_tensors.h"
#include "mesh_arrays.h"
#include "network.h"
#include "step_graphs.h"

namespace hotpp {
namespace {

const double* take(const double* from, std::size_t count, std::vector<double>& to) {
  to.assign(from, from + count);
  return from + count;
}

}  // namespace

struct DeviceStep::Tensors {
  explicit Tensors(const Device& device) : graphs(device) {}

  StepGraphs graphs;
  // The same memory at every step, float64, as long as shapes last.
  std::int64_t generation = 0, generation_of_edges = -1;
  MeshArrays mesh;
  at::Tensor gradients;  // [n_pairs, 3]
  at::Tensor results;    // what LAMMPS wants to know, one after the other

  // Of this step.
  at::Tensor vectors;  // [n_pairs, 3] Å
  at::Tensor energies, charges,
      dipoles;  // of the network, [n_rows], [n_rows], [n_rows, 3]
  at::Tensor by_charge, by_dipole;
  HostBuffer from_device, to_device;

  void make_room(const DeviceEdges::Tensors& edges, bool with_mesh, bool has_dipoles) {
    const bool same = generation_of_edges == edges.generation;
    if (same && (!with_mesh || mesh.charges.defined())) return;
    ++generation;
    if (!same) mesh = MeshArrays();
    if (with_mesh) mesh = MeshArrays(edges.n_rows, has_dipoles, edges.device);
    if (same) return;
    generation_of_edges = edges.generation;
    const auto options = at::TensorOptions(edges.device).dtype(at::kDouble);
    gradients = at::zeros({edges.n_pairs, 3}, options);
    // energies, charges, dipoles, strain, forces; of the mesh charges, potential, field, forces, strain,
    // energy
    results = at::empty({5 * edges.n_rows + 3 * edges.n_places + 9 + 8 * edges.n_rows + 10}, options);
  }

  void forward(Network& network, const DeviceEdges::Tensors& e, std::int64_t exchange) {
    vectors = e.vectors();
    network.forward(vectors, e.lists.receivers, e.lists.senders, e.species, e.n_rows, exchange);
    energies = network.energies.detach().to(at::kDouble);
    charges = network.charges.detach().to(at::kDouble);
    dipoles = network.dipoles.detach().to(at::kDouble);
  }

  // with_mesh: of the device. Leaves everything in `results`.
  void backward(Network& network, const DeviceEdges::Tensors& e, bool with_mesh) {
    gradients.copy_(network.backward(by_charge, by_dipole));
    const at::Tensor strain = gradients.t().matmul(vectors);  // Σ ∂E/∂v_a v_b, eV
    std::vector<at::Tensor> parts{energies, charges, dipoles, strain, e.forces(gradients)};
    if (with_mesh)
      for (const auto* part :
           {&mesh.charges, &mesh.potential, &mesh.field, &mesh.forces, &mesh.strain, &mesh.energy})
        parts.push_back(*part);
    for (auto& part : parts) part = part.reshape(-1);
    std::int64_t size = 0;
    for (const auto& part : parts) size += part.numel();
    at::Tensor there = results.narrow(0, 0, size);
    at::cat_out(there, parts);
  }

  // In memory of the host; waits for the device.
  const double* fetch(const at::Tensor& values) {
    const at::Tensor host = from_device.take(values.sizes(), at::kDouble, values.device());
    host.copy_(values, /*non_blocking=*/true);
    synchronise(values.device());
    return host.data_ptr<double>();
  }

  // a [n] and b [n, 3] in one copy that does not wait: the buffer is only written again after results of this
  // step have come back.
  std::pair<at::Tensor, at::Tensor> send(at::Device device, const std::vector<double>& a,
                                         const std::vector<double>& b) {
    const auto n = static_cast<std::int64_t>(a.size()), m = static_cast<std::int64_t>(b.size());
    const at::Tensor host = to_device.take({n + m}, at::kDouble, device);
    std::copy(a.begin(), a.end(), host.data_ptr<double>());
    std::copy(b.begin(), b.end(), host.data_ptr<double>() + n);
    const at::Tensor there = host.to(device, at::kDouble, /*non_blocking=*/true, /*copy=*/true);
    return {there.narrow(0, 0, n), there.narrow(0, n, m).view({n, 3})};
  }
};

DeviceStep::DeviceStep(const Device& device) : tensors_(std::make_unique<Tensors>(device)) {}

DeviceStep::~DeviceStep() = default;

std::string DeviceStep::take_note() { return tensors_->graphs.take_note(); }

void DeviceStep::evaluate(Model& model, LongRange* long_range, const DeviceEdges& edges, const AtomRows& rows,
                          std::int64_t exchange, const std::vector<double>& positions, Profile& profile) {
  with_plain_errors(edges.tensors().device,
                    [&] { run(model, long_range, edges, rows, exchange, positions, profile); });
}

void DeviceStep::run(Model& model, LongRange* long_range, const DeviceEdges& edges, const AtomRows& rows,
                     std::int64_t exchange, const std::vector<double>& positions, Profile& profile) {
  const DeviceEdges::Tensors& e = edges.tensors();
  Tensors& t = *tensors_;
  const c10::DeviceGuard current(e.device);
  Network& network = model.network();
  const bool has_dipoles = model.metadata().has_dipoles();
  const auto n = static_cast<std::size_t>(rows.n_owned);
  DeviceMesh* mesh = long_range && n > 0 ? long_range->device_mesh() : nullptr;
  t.make_room(e, mesh != nullptr, has_dipoles);

  const auto timed = [&](Profile::Section section, const auto& work) {
    const Profile::Timer timer(profile, section);
    work();
    if (profile.on) synchronise(e.device);  // so that each part is charged with its own time
  };
  const auto forward = [&] {
    timed(Profile::Forward, [&] {
      t.forward(network, e, exchange);
      if (mesh)
        t.mesh.set(e.row_positions(), t.charges, has_dipoles ? t.dipoles : at::Tensor(),
                   long_range->total_charge());
    });
  };
  const auto mesh_of_device = [&] { timed(Profile::Mesh, [&] { t.mesh.execute(*mesh); }); };
  const auto mesh_of_host = [&] {
    timed(Profile::Mesh, [&] {
      const double* values = t.fetch(at::cat({t.charges, t.dipoles.reshape(-1)}));
      take(take(values, n, model.charges_), 3 * n, model.dipoles_);
      long_range->evaluate(rows.n_owned, positions, model.charges_, model.dipoles_);
      profile.count_mesh(long_range->sent());
      std::tie(t.by_charge, t.by_dipole) = t.send(e.device, long_range->by_charge, long_range->by_dipole);
    });
  };
  const auto backward = [&] {
    timed(Profile::Backward, [&] {
      if (mesh) std::tie(t.by_charge, t.by_dipole) = std::pair(t.mesh.by_charge(), t.mesh.by_dipole());
      if (!has_dipoles) t.by_dipole = at::Tensor();
      t.backward(network, e, mesh != nullptr);
    });
  };
  // Ghosts are exchanged by the host, and so is what its mesh does.
  if (exchange == 0 && n > 0 && (mesh || !long_range) && !profile.on) {
    t.graphs.run({e.generation, t.generation, mesh != nullptr}, forward,
                 mesh ? StepGraphs::Work(mesh_of_device) : nullptr, backward);
  } else {
    forward();
    if (mesh)
      mesh_of_device();
    else if (long_range)
      mesh_of_host();
    backward();
  }

  const double* values = t.fetch(t.results);
  values = take(values, n, model.energies_);
  values = take(values, n, model.charges_);
  values = take(values, 3 * n, model.dipoles_);
  std::copy_n(values, 9, strain_derivative);
  values += 9;
  take(values + 3 * DeviceEdges::Tensors::first_atom, 3 * static_cast<std::size_t>(e.n_atoms), forces);
  values += 3 * e.n_places;
  if (!mesh) return;
  values = take(values, n, long_range->charges);
  values = take(values, n, long_range->potential);
  values = take(values, 3 * n, long_range->field);
  values = take(values, 3 * n, long_range->forces);
  std::copy_n(values, 9, long_range->strain_derivative.begin());
  long_range->energy = values[9];
  // All results are then NaN, and the plan knows why.
  if (!std::isfinite(long_range->energy)) mesh->throw_problems(stream_of(e.device));
  long_range->complete(rows.n_owned, positions, model.dipoles_);
}

std::vector<double> DeviceStep::edge_gradients() const {
  const at::Tensor here = tensors_->gradients.cpu();
  return {here.data_ptr<double>(), here.data_ptr<double>() + here.numel()};
}

}  // namespace hotpp
