// SPDX-License-Identifier: GPL-2.0-or-later
#include "device_step.h"

#include <c10/core/DeviceGuard.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <tuple>
#include <utility>

#include "device_edges_tensors.h"
#include "network.h"

namespace hotpp {

// What the mesh of a device leaves there, float64.
struct MeshResults {
  at::Tensor charges, potential, field, forces;  // [n], [n], [n, 3], [n, 3]; charges are neutralised
  at::Tensor energy, strain;                     // [1], [9]
};

struct DeviceStep::Tensors {
  at::Tensor vectors, gradients;  // [n_pairs, 3]
  HostBuffer from_device, to_device;

  // The tensors' numbers one after the other, in memory of the host; waits for the device.
  const double* fetch(at::Device device, at::TensorList parts) {
    std::vector<at::Tensor> flat;
    for (const auto& part : parts) flat.push_back(part.reshape(-1));
    const at::Tensor all = at::cat(flat);
    const at::Tensor host = from_device.take(all.sizes(), at::kDouble, device);
    host.copy_(all, /*non_blocking=*/true);
    synchronise(device);
    return host.data_ptr<double>();
  }

  // a [n] and b [n, 3] in one copy that does not wait: the buffer is only written again
  // after results of this step have come back.
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

namespace {

MeshResults run_mesh(DeviceMesh& mesh, double total_charge, const at::Tensor& positions,
                     const at::Tensor& raw_charges, const at::Tensor& dipoles) {
  const auto n = positions.size(0);
  const auto options = positions.options();
  MeshResults r;
  r.charges = (raw_charges - (raw_charges.sum() - total_charge) / static_cast<double>(n)).contiguous();
  r.potential = at::empty({n}, options);
  r.field = dipoles.defined() ? at::empty({n, 3}, options) : at::zeros({n, 3}, options);
  r.forces = at::empty({n, 3}, options);
  r.energy = at::empty({1}, options);
  r.strain = at::empty({9}, options);
  const at::Tensor where = positions.contiguous(),
                   moments = dipoles.defined() ? dipoles.contiguous() : dipoles;
  pme::cuda::DeviceAtoms atoms;
  atoms.n = static_cast<int>(n);
  atoms.positions = where.data_ptr<double>();
  atoms.charges = r.charges.data_ptr<double>();
  if (dipoles.defined()) atoms.dipoles = moments.data_ptr<double>();
  pme::cuda::DeviceOutput output;
  output.energy = r.energy.data_ptr<double>();
  output.potential = r.potential.data_ptr<double>();
  if (dipoles.defined()) output.field = r.field.data_ptr<double>();
  output.forces = r.forces.data_ptr<double>();
  output.strain_derivative = r.strain.data_ptr<double>();
  mesh.execute(stream_of(positions.device()), atoms, output);
  return r;
}

const double* take(const double* from, std::size_t count, std::vector<double>& to) {
  to.assign(from, from + count);
  return from + count;
}

}  // namespace

DeviceStep::DeviceStep() : tensors_(std::make_unique<Tensors>()) {}

DeviceStep::~DeviceStep() = default;

void DeviceStep::evaluate(Model& model, LongRange* long_range, const DeviceEdges& edges, const AtomRows& rows,
                          std::int64_t exchange, const std::vector<double>& positions, Profile& profile) {
  with_plain_errors(edges.tensors().device,
                    [&] { run(model, long_range, edges, rows, exchange, positions, profile); });
}

void DeviceStep::run(Model& model, LongRange* long_range, const DeviceEdges& edges, const AtomRows& rows,
                     std::int64_t exchange, const std::vector<double>& positions, Profile& profile) {
  const DeviceEdges::Tensors& e = edges.tensors();
  const c10::DeviceGuard current(e.device);
  Network& network = model.network();
  const bool has_dipoles = model.metadata().has_dipoles();
  const auto wait = [&] {  // so that each part is charged with its own time
    if (profile.on) synchronise(e.device);
  };
  {
    const Profile::Timer timer(profile, Profile::Forward);
    tensors_->vectors = e.vectors();
    network.forward(tensors_->vectors, e.lists.receivers, e.lists.senders, e.species, rows.n_owned, exchange);
    wait();
  }
  const at::Tensor energies = network.energies.detach().to(at::kDouble);
  const at::Tensor charges = network.charges.detach().to(at::kDouble);
  const at::Tensor dipoles = network.dipoles.detach().to(at::kDouble);
  const auto n = static_cast<std::size_t>(rows.n_owned);

  MeshResults mesh_results;
  DeviceMesh* mesh = long_range && n > 0 ? long_range->device_mesh() : nullptr;
  at::Tensor by_charge, by_dipole;
  if (long_range) {
    const Profile::Timer timer(profile, Profile::Mesh);
    if (mesh) {
      mesh_results = run_mesh(*mesh, long_range->total_charge(), e.row_positions(), charges,
                              has_dipoles ? dipoles : at::Tensor());
      by_charge = mesh_results.potential - mesh_results.potential.mean();
      by_dipole = -mesh_results.field;
    } else {
      const double* values = tensors_->fetch(e.device, {charges, dipoles});
      take(take(values, n, model.charges_), 3 * n, model.dipoles_);
      long_range->evaluate(rows.n_owned, positions, model.charges_, model.dipoles_);
      profile.count_mesh(long_range->sent());
      std::tie(by_charge, by_dipole) = tensors_->send(e.device, long_range->by_charge, long_range->by_dipole);
    }
    wait();
  }
  const Profile::Timer timer(profile, Profile::Backward);
  tensors_->gradients = network.backward(by_charge, has_dipoles ? by_dipole : at::Tensor()).to(at::kDouble);

  const at::Tensor atom_forces =
      e.forces(tensors_->gradients).narrow(0, DeviceEdges::Tensors::first_atom, e.n_atoms);
  const at::Tensor strain = tensors_->gradients.t().matmul(tensors_->vectors);  // Σ ∂E/∂v_a v_b, eV
  std::vector<at::Tensor> back{energies, charges, dipoles, atom_forces, strain};
  if (mesh)
    for (const auto& part : {mesh_results.charges, mesh_results.potential, mesh_results.field,
                             mesh_results.forces, mesh_results.strain, mesh_results.energy})
      back.push_back(part);
  const double* values = tensors_->fetch(e.device, back);
  values = take(values, n, model.energies_);
  values = take(values, n, model.charges_);
  values = take(values, 3 * n, model.dipoles_);
  values = take(values, 3 * static_cast<std::size_t>(e.n_atoms), forces);
  std::copy_n(values, 9, strain_derivative);
  values += 9;
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
  const at::Tensor here = tensors_->gradients.cpu().contiguous();
  return {here.data_ptr<double>(), here.data_ptr<double>() + here.numel()};
}

}  // namespace hotpp
