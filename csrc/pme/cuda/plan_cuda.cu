// SPDX-License-Identifier: GPL-2.0-or-later
// Compiled, not yet run on a device.
#include <cuda_runtime.h>
#include <cufft.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "pme/cell.h"
#include "pme/cpu/gather.h"
#include "pme/cpu/sorted_atoms.h"
#include "pme/cuda/plan_cuda.h"
#include "pme/influence.h"
#include "pme/inputs.h"
#include "pme/outputs.h"
#include "pme/splines.h"

namespace hotpp::pme {
namespace {

constexpr int threads_per_block = 128;

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    throw std::runtime_error(std::string("CUDA, ") + what + ": " + cudaGetErrorString(status));
}
void check(cufftResult status, const char* what) {
  if (status != CUFFT_SUCCESS)
    throw std::runtime_error(std::string("cuFFT, ") + what + ": error " + std::to_string(status));
}
unsigned blocks(std::int64_t items) {
  return static_cast<unsigned>((items + threads_per_block - 1) / threads_per_block);
}

/// Device array that grows and is never copied.
template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(data_); }
  T* data() const { return data_; }
  void resize(std::size_t size) {
    if (size <= size_) return;
    cudaFree(data_);
    data_ = nullptr;
    size_ = 0;
    check(cudaMalloc(&data_, size * sizeof(T)), "allocating device memory");
    size_ = size;
  }
  void upload(const T* values, std::size_t size) {
    resize(size);
    check(cudaMemcpy(data_, values, size * sizeof(T), cudaMemcpyHostToDevice), "copying to the device");
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

struct Mesh {
  int k1, k2, k3;
  __device__ std::int64_t row(int x, int y) const {
    return (static_cast<std::int64_t>(x < k1 ? x : x - k1) * k2 + (y < k2 ? y : y - k2)) * k3;
  }
  __device__ int wrap_z(int z) const { return z < k3 ? z : z - k3; }
};

/// One thread per atom and mesh row (x, y) of its stencil.
template <class Real, int P>
__global__ void spread_kernel(Mesh mesh, const MeshAtom<Real>* atoms, std::int64_t n, Real* rho) {
  const std::int64_t item = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (item >= n * P * P) return;
  const MeshAtom<Real> atom = atoms[item / (P * P)];
  const int lx = item % (P * P) / P, ly = item % P;
  Real x[P], y[P], z[P], dx[P], dy[P], dz[P];
  spline_weights<P, 0, P>(atom.offset[0], x);
  spline_weights<P, 0, P>(atom.offset[1], y);
  spline_weights<P, 0, P>(atom.offset[2], z);
  spline_weights<P, 1, P>(atom.offset[0], dx);
  spline_weights<P, 1, P>(atom.offset[1], dy);
  spline_weights<P, 1, P>(atom.offset[2], dz);
  const Real c0 = (atom.charge * x[lx] + atom.dipole[0] * dx[lx]) * y[ly] + x[lx] * atom.dipole[1] * dy[ly];
  const Real c1 = atom.dipole[2] * x[lx] * y[ly];
  Real* const row = rho + mesh.row(atom.first[0] + lx, atom.first[1] + ly);
  for (int lz = 0; lz < P; ++lz) atomicAdd(row + mesh.wrap_z(atom.first[2] + lz), c0 * z[lz] + c1 * dz[lz]);
}

template <class Real>
__global__ void influence_kernel(const Real* influence, Real* spectrum, std::int64_t modes) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= modes) return;
  spectrum[2 * i] *= influence[i];
  spectrum[2 * i + 1] *= influence[i];
}

/// One thread per atom; derivatives as in cpu/gather.h.
template <class Real, int P>
__global__ void gather_kernel(Mesh mesh, const MeshAtom<Real>* atoms, std::int64_t n, const Real* phi,
                              Real* derivatives) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const MeshAtom<Real> atom = atoms[i];
  Real w[3][3][P];  // [derivative][axis]
  for (int axis = 0; axis < 3; ++axis) {
    spline_weights<P, 0, P>(atom.offset[axis], w[0][axis]);
    spline_weights<P, 1, P>(atom.offset[axis], w[1][axis]);
    spline_weights<P, 2, P>(atom.offset[axis], w[2][axis]);
  }
  Real d[derivatives_per_atom] = {};
  for (int lx = 0; lx < P; ++lx)
    for (int ly = 0; ly < P; ++ly) {
      const Real* const row = phi + mesh.row(atom.first[0] + lx, atom.first[1] + ly);
      Real s[3] = {};  // the row summed with z, z', z''
      for (int lz = 0; lz < P; ++lz) {
        const Real value = row[mesh.wrap_z(atom.first[2] + lz)];
        for (int order = 0; order < 3; ++order) s[order] += value * w[order][2][lz];
      }
      const Real x = w[0][0][lx], dx = w[1][0][lx], y = w[0][1][ly], dy = w[1][1][ly];
      d[0] += x * y * s[0];
      d[1] += dx * y * s[0];
      d[2] += x * dy * s[0];
      d[3] += x * y * s[1];
      d[4] += w[2][0][lx] * y * s[0];
      d[5] += x * w[2][1][ly] * s[0];
      d[6] += x * y * s[2];
      d[7] += dx * dy * s[0];
      d[8] += dx * y * s[1];
      d[9] += x * dy * s[1];
    }
  for (int j = 0; j < derivatives_per_atom; ++j) derivatives[derivatives_per_atom * i + j] = d[j];
}

/// cuFFT plans; the real mesh and the spectrum are separate arrays.
struct Transforms {
  cufftHandle forward = 0, backward = 0;

  Transforms(const std::array<int, 3>& k, bool single) {
    check(cufftPlan3d(&forward, k[0], k[1], k[2], single ? CUFFT_R2C : CUFFT_D2Z),
          "planning the forward transform");
    check(cufftPlan3d(&backward, k[0], k[1], k[2], single ? CUFFT_C2R : CUFFT_Z2D),
          "planning the backward transform");
  }
  ~Transforms() {
    cufftDestroy(forward);
    cufftDestroy(backward);
  }
  void run_forward(float* mesh, float* spectrum) const {
    check(cufftExecR2C(forward, mesh, reinterpret_cast<cufftComplex*>(spectrum)), "forward transform");
  }
  void run_forward(double* mesh, double* spectrum) const {
    check(cufftExecD2Z(forward, mesh, reinterpret_cast<cufftDoubleComplex*>(spectrum)), "forward transform");
  }
  void run_backward(float* spectrum, float* mesh) const {
    check(cufftExecC2R(backward, reinterpret_cast<cufftComplex*>(spectrum), mesh), "backward transform");
  }
  void run_backward(double* spectrum, double* mesh) const {
    check(cufftExecZ2D(backward, reinterpret_cast<cufftDoubleComplex*>(spectrum), mesh),
          "backward transform");
  }
};

}  // namespace

template <class Real>
struct CudaPlan<Real>::Parts {
  Settings settings;
  Influence<Real> influence;
  SortedAtoms<Real> sorted;
  Cell cell;
  Transforms transforms;
  std::int64_t points, modes;
  DeviceArray<Real> mesh, spectrum, factors, derivatives;
  DeviceArray<MeshAtom<Real>> atoms;
  std::vector<Real> host_derivatives;

  explicit Parts(const Settings& s)
      : settings(s),
        influence(s),
        sorted(s.mesh, s.order),
        transforms(s.mesh, std::is_same_v<Real, float>),
        points(static_cast<std::int64_t>(s.mesh[0]) * s.mesh[1] * s.mesh[2]),
        modes(static_cast<std::int64_t>(s.mesh[0]) * s.mesh[1] * (s.mesh[2] / 2 + 1)) {
    mesh.resize(points);
    spectrum.resize(2 * modes);
  }
};

template <class Real>
CudaPlan<Real>::CudaPlan(const Settings& settings) {
  hotpp::pme::check(settings);
  parts_ = std::make_unique<Parts>(settings);
}
template <class Real>
CudaPlan<Real>::~CudaPlan() = default;

template <class Real>
void CudaPlan<Real>::set_cell(const double cell[9]) {
  Parts& p = *parts_;
  if (p.cell.volume > 0 && std::equal(cell, cell + 9, p.cell.rows.begin())) return;
  p.cell = Cell(cell);
  p.influence.set_cell(p.cell);
  std::vector<Real> factors;
  factors.reserve(p.modes);
  for (int x = 0; x < p.settings.mesh[0]; ++x)
    for (int y = 0; y < p.settings.mesh[1]; ++y)
      for (int z = 0; z <= p.settings.mesh[2] / 2; ++z) factors.push_back(p.influence(x, y, z));
  p.factors.upload(factors.data(), factors.size());
}

template <class Real>
void CudaPlan<Real>::execute(std::int64_t n, const double* positions, const double* charges,
                             const double* dipoles, Output& output) {
  Parts& p = *parts_;
  check_execute(p.settings, p.cell, n, positions, charges, dipoles, output);
  if (output.want_strain)
    throw std::invalid_argument("The CUDA plan has no strain derivative yet: use the CPU plan for it.");
  output.energy = 0.0;
  if (n == 0) return;
  p.sorted.assign(p.cell, n, positions, charges, dipoles);
  p.atoms.upload(&p.sorted[0], n);
  p.derivatives.resize(n * derivatives_per_atom);
  p.host_derivatives.resize(n * derivatives_per_atom);
  const Mesh mesh{p.settings.mesh[0], p.settings.mesh[1], p.settings.mesh[2]};
  check(cudaMemset(p.mesh.data(), 0, p.points * sizeof(Real)), "clearing the mesh");
  with_order(p.settings.order, [&](auto order) {
    constexpr int P = decltype(order)::value;
    spread_kernel<Real, P><<<blocks(n * P * P), threads_per_block>>>(mesh, p.atoms.data(), n, p.mesh.data());
    p.transforms.run_forward(p.mesh.data(), p.spectrum.data());
    influence_kernel<<<blocks(p.modes), threads_per_block>>>(p.factors.data(), p.spectrum.data(), p.modes);
    p.transforms.run_backward(p.spectrum.data(), p.mesh.data());
    gather_kernel<Real, P>
        <<<blocks(n), threads_per_block>>>(mesh, p.atoms.data(), n, p.mesh.data(), p.derivatives.data());
  });
  check(cudaGetLastError(), "starting a kernel");
  check(cudaMemcpy(p.host_derivatives.data(), p.derivatives.data(), n * derivatives_per_atom * sizeof(Real),
                   cudaMemcpyDeviceToHost),
        "copying from the device");
  for (std::int64_t i = 0; i < n; ++i) {  // E = 1/2 sum_i (q_i phi_i + μ_i · grad phi_i)
    const Real* const d = &p.host_derivatives[derivatives_per_atom * i];
    const MeshAtom<Real>& atom = p.sorted[i];
    double energy = static_cast<double>(atom.charge) * d[0];
    for (int axis = 0; axis < 3; ++axis) energy += static_cast<double>(atom.dipole[axis]) * d[1 + axis];
    output.energy += 0.5 * energy;
  }
  write_outputs(p.cell, p.settings.mesh, p.sorted, p.host_derivatives.data(), output);
  add_self_and_background(p.settings, p.cell.volume, n, charges, dipoles, output);
}

template class CudaPlan<float>;
template class CudaPlan<double>;

}  // namespace hotpp::pme
