// SPDX-License-Identifier: GPL-2.0-or-later
#include "mesh_arrays.h"

#include "device_tensors.h"

namespace hotpp {

MeshArrays::MeshArrays(std::int64_t n, bool has_dipoles, at::Device device) {
  const auto options = at::TensorOptions(device).dtype(at::kDouble);
  positions = at::zeros({n, 3}, options);
  charges = at::zeros({n}, options);
  if (has_dipoles) dipoles = at::zeros({n, 3}, options);
  potential = at::zeros({n}, options);
  field = at::zeros({n, 3}, options);  // stays zero without dipoles
  forces = at::zeros({n, 3}, options);
  energy = at::zeros({1}, options);
  strain = at::zeros({9}, options);
}

void MeshArrays::set(const at::Tensor& new_positions, const at::Tensor& raw_charges,
                     const at::Tensor& new_dipoles, double total_charge) {
  positions.copy_(new_positions);
  const auto n = static_cast<double>(charges.size(0));
  at::sub_out(charges, raw_charges, (raw_charges.sum() - total_charge) / n);
  if (dipoles.defined()) dipoles.copy_(new_dipoles);
}

void MeshArrays::execute(DeviceMesh& mesh) {
  pme::cuda::DeviceAtoms atoms;
  atoms.n = static_cast<int>(charges.size(0));
  atoms.positions = positions.data_ptr<double>();
  atoms.charges = charges.data_ptr<double>();
  if (dipoles.defined()) atoms.dipoles = dipoles.data_ptr<double>();
  pme::cuda::DeviceOutput output;
  output.energy = energy.data_ptr<double>();
  output.potential = potential.data_ptr<double>();
  if (dipoles.defined()) output.field = field.data_ptr<double>();
  output.forces = forces.data_ptr<double>();
  output.strain_derivative = strain.data_ptr<double>();
  mesh.execute(stream_of(positions.device()), atoms, output);
}

}  // namespace hotpp
