// SPDX-License-Identifier: GPL-2.0-or-later
// The TorchScript module of a model file, and one pass through it and back. Tensors in, tensors out, on any
// device; the only header of the plugin with headers of torch.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <string>

namespace hotpp {

struct Network {
  torch::jit::Module module;
  at::ScalarType dtype = at::kDouble;
  at::Device device{at::kCPU};
  // Of the last forward pass: [n_edges, 3] Å; [n_owned] eV, [n_owned] e, [n_owned, 3] e·Å
  at::Tensor edge_vectors, energies, charges, dipoles;

  // vectors [n_edges, 3] Å, receivers and senders [n_edges], species [n_total] on the network's device. Edges
  // beyond the cutoff contribute nothing, neither to results nor to derivatives: devices give some. exchange:
  // handle of a GhostExchange, 0 when all senders are owned atoms.
  void forward(const at::Tensor& vectors, const at::Tensor& receivers, const at::Tensor& senders,
               const at::Tensor& species, std::int64_t n_owned, std::int64_t exchange);
  // Derivative of Σ energies + Σ by_charge q + Σ by_dipole·μ with respect to the edge vectors, [n_edges, 3]
  // eV/Å; undefined tensors: the model has no charges or dipoles. Frees what the forward pass kept.
  at::Tensor backward(const at::Tensor& by_charge, const at::Tensor& by_dipole);

  // After the module was loaded: for evaluation in `dtype`.
  void prepare();
  // Compiled operators of the module that have no kernel for a device: "hotpp_lr::tensor_message", or "".
  std::string operators_without_kernel(at::Device) const;
};

}  // namespace hotpp
