// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/device/device_batch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <tuple>

#include "ops/device/recent.h"
#include "ops/device/tensor_identity.h"
#include "ops/mesh_batch.h"
#include "pme/influence.h"

namespace hotpp::ops {
namespace {

using at::Tensor;
using pme::cuda::BatchAtoms;
using pme::cuda::BatchMesh;

// Batches. The memories of them are never destroyed: when a program ends, the device may be gone already.
constexpr std::size_t remembered = 32;

template <class T>
Tensor to_device(const std::vector<T>& values, const at::Device& device) {
  const auto size = static_cast<std::int64_t>(values.size() * sizeof(T));
  const Tensor host = at::empty({size}, at::kByte);
  std::copy_n(reinterpret_cast<const char*>(values.data()), size, static_cast<char*>(host.data_ptr()));
  return host.to(device);
}

std::vector<std::int64_t> numbers(const Tensor& mesh) {
  const Tensor points = mesh.contiguous();
  const std::int64_t* const p = points.const_data_ptr<std::int64_t>();
  return {p, p + points.numel()};
}

int as_int(std::int64_t value) { return static_cast<int>(value); }

DeviceMeshes make_meshes(const Tensor& mesh, std::int64_t order, const at::Device& device) {
  const MeshBatch batch = mesh_batch(mesh, order);
  DeviceMeshes result{batch.meshes, {}, 0, 0, 0, 0, 0, 0, as_int(order), {}};
  std::vector<BatchMesh> meshes;
  std::int64_t factors = 0;
  for (std::int64_t s = 0; s < batch.n_structures(); ++s) {
    const auto& k = batch.meshes[s];
    BatchMesh one = pme::cuda::make_batch_mesh(k, as_int(order));
    const std::int64_t modes = std::int64_t{k[0]} * k[1] * (k[2] / 2 + 1);
    one.first_point = result.n_points;
    one.first_mode = result.n_modes;
    one.first_factor = factors;
    one.first_bin = result.n_bins;
    if (s > 0 && batch.meshes[s - 1] == k)
      ++result.runs.back().end;
    else
      result.runs.push_back({s, s + 1, result.n_points, result.n_modes});
    factors += k[0] + k[1] + k[2];
    result.n_points += one.layout.size();
    result.n_modes += modes;
    result.n_bins += one.layout.bin_count();
    result.most_points = std::max(result.most_points, one.layout.size());
    result.most_modes = std::max(result.most_modes, as_int(modes));
    result.most_bins = std::max(result.most_bins, one.layout.bin_count());
    meshes.push_back(one);
  }
  result.memory = to_device(meshes, device);
  return result;
}

DeviceAtoms make_atoms(const Tensor& structure, std::int64_t n_structures) {
  const std::int64_t n = structure.size(0);
  std::vector<std::int64_t> first{0, n};
  DeviceAtoms result;
  if (n_structures != 1) {
    const auto [sorted, order] = at::sort(structure, /*stable=*/true, /*dim=*/0, /*descending=*/false);
    const Tensor bounds = at::searchsorted(sorted, at::arange(n_structures + 1, structure.options()));
    const Tensor in_order = (sorted == structure).all().to(at::kLong).view({1});
    const Tensor found = at::cat({bounds, in_order}).cpu();
    const std::int64_t* const p = found.const_data_ptr<std::int64_t>();
    first.assign(p, p + n_structures + 1);
    TORCH_CHECK_VALUE(first.front() == 0 && first.back() == n, "structure holds a number below 0 or above ",
                      n_structures - 1, ", but there are ", n_structures, " structures: number them from 0.");
    if (p[n_structures + 1] == 0) result.order = order;
  }
  std::vector<BatchAtoms> atoms(n_structures);
  result.most_atoms = 0;
  for (std::int64_t s = 0; s < n_structures; ++s) {
    atoms[s].step.atoms.n = as_int(first[s + 1] - first[s]);
    atoms[s].first_atom = first[s];
    result.most_atoms = std::max(result.most_atoms, atoms[s].step.atoms.n);
  }
  result.memory = to_device(atoms, structure.device());
  return result;
}

}  // namespace

pme::cuda::Batch DeviceMeshes::batch() const {
  const auto* const meshes = static_cast<const BatchMesh*>(memory.const_data_ptr());
  return {as_int(points.size()), order, meshes, most_points, most_modes, most_bins, nullptr, 0};
}

std::shared_ptr<const DeviceMeshes> device_meshes(const Tensor& mesh, std::int64_t order,
                                                  const at::Device& device) {
  using Key = std::tuple<std::vector<std::int64_t>, std::int64_t, at::Device>;
  static auto& recent = *new Recent<Key, DeviceMeshes>(remembered);
  if (mesh.scalar_type() != at::kLong || !mesh.is_cpu()) mesh_batch(mesh, order);  // says what is wrong
  return recent.find({numbers(mesh), order, device}, [&] { return make_meshes(mesh, order, device); });
}

Tensor deconvolution_on_device(const Tensor& mesh, const ModeSettings& settings, const at::Device& device) {
  using Key = std::tuple<std::vector<std::int64_t>, int, int, at::Device>;
  static auto& recent = *new Recent<Key, Tensor>(remembered);
  const int mode = static_cast<int>(settings.deconvolution);
  return *recent.find({numbers(mesh), settings.order, mode, device}, [&] {
    std::vector<double> factors;
    for (const std::int64_t points : numbers(mesh)) {
      const auto axis = pme::deconvolution_factors(as_int(points), settings.order, settings.deconvolution);
      factors.insert(factors.end(), axis.begin(), axis.end());
    }
    return to_device(factors, device).view(at::kDouble);
  });
}

Tensor DeviceAtoms::grouped(const Tensor& rows) const {
  return order.defined() ? rows.index_select(0, order) : rows.contiguous();
}

Tensor DeviceAtoms::in_batch(const Tensor& grouped_rows) const {
  return order.defined() ? at::empty_like(grouped_rows).index_copy_(0, order, grouped_rows) : grouped_rows;
}

pme::cuda::Batch DeviceAtoms::batch(const DeviceMeshes& meshes) const {
  pme::cuda::Batch batch = meshes.batch();
  batch.atoms = static_cast<const BatchAtoms*>(memory.const_data_ptr());
  batch.most_atoms = most_atoms;
  return batch;
}

std::shared_ptr<const DeviceAtoms> device_atoms(const Tensor& structure, std::int64_t n_structures) {
  using Key = std::tuple<TensorIdentity, std::int64_t>;
  static auto& recent = *new Recent<Key, DeviceAtoms>(remembered);
  TORCH_CHECK_VALUE(structure.dim() == 1 && structure.scalar_type() == at::kLong, "structure has shape ",
                    structure.sizes(), ", type ", structure.scalar_type(), ": expected int64 [n_atoms].");
  const Tensor owners = structure.contiguous();
  if (!TensorIdentity::possible(owners))
    return std::make_shared<const DeviceAtoms>(make_atoms(owners, n_structures));
  const Key key{TensorIdentity(owners), n_structures};
  return recent.find(key, [&] { return make_atoms(owners, n_structures); });
}

}  // namespace hotpp::ops
