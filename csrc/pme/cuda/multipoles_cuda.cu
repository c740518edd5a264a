// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/cuda/cuda_device.cuh"
#include "pme/cuda/multipole_mesh.h"
#include "pme/cuda/multipoles_cuda.h"

namespace hotpp::pme::cuda {
namespace {

/// A copy of a host array on the device.
template <class T>
class Copy {
 public:
  explicit Copy(std::size_t count) : count_(count) { buffer_.allocate(count > 0 ? count : 1); }
  Copy(const T* host, std::size_t count) : Copy(count) { move(buffer_.data(), host, cudaMemcpyHostToDevice); }
  T* data() { return buffer_.data(); }
  void fetch(T* host) { move(host, buffer_.data(), cudaMemcpyDeviceToHost); }

 private:
  void move(T* to, const T* from, cudaMemcpyKind kind) {
    check_cuda(cudaMemcpy(to, from, count_ * sizeof(T), kind), "copying an array");
  }

  std::size_t count_;
  CudaLauncher::Buffer<T> buffer_;
};

}  // namespace

template <class Real>
struct CudaMultipoles<Real>::Parts {
  CudaLauncher device;
  MultipoleMesh<Real, CudaLauncher> mesh;
  std::size_t points;

  Parts(const std::array<int, 3>& k, int order)
      : mesh(k, order, device), points(static_cast<std::size_t>(k[0]) * k[1] * k[2]) {}
};

template <class Real>
CudaMultipoles<Real>::CudaMultipoles(const std::array<int, 3>& mesh, int order)
    : parts_(std::make_unique<Parts>(mesh, order)) {}
template <class Real>
CudaMultipoles<Real>::~CudaMultipoles() = default;

template <class Real>
void CudaMultipoles<Real>::spread(void* stream, int n, const double* coordinates, int rank,
                                  const Real* coefficients, Real* mesh) {
  parts_->device.set_stream(static_cast<cudaStream_t>(stream));
  parts_->mesh.spread(n, coordinates, rank, coefficients, mesh);
}

template <class Real>
void CudaMultipoles<Real>::gather(void* stream, int n, const double* coordinates, int rank, const Real* mesh,
                                  Real* derivatives) {
  parts_->device.set_stream(static_cast<cudaStream_t>(stream));
  parts_->mesh.gather(n, coordinates, rank, mesh, derivatives);
}

template <class Real>
void CudaMultipoles<Real>::spread_host(int n, const double* coordinates, int rank, const Real* coefficients,
                                       Real* mesh) {
  Copy<double> u(coordinates, 3 * static_cast<std::size_t>(n));
  Copy<Real> c(coefficients, components(rank) * static_cast<std::size_t>(n)), result(parts_->points);
  spread(nullptr, n, u.data(), rank, c.data(), result.data());
  result.fetch(mesh);
}

template <class Real>
void CudaMultipoles<Real>::gather_host(int n, const double* coordinates, int rank, const Real* mesh,
                                       Real* derivatives) {
  Copy<double> u(coordinates, 3 * static_cast<std::size_t>(n));
  Copy<Real> values(mesh, parts_->points), result(components(rank) * static_cast<std::size_t>(n));
  gather(nullptr, n, u.data(), rank, values.data(), result.data());
  result.fetch(derivatives);
}

template class CudaMultipoles<float>;
template class CudaMultipoles<double>;

}  // namespace hotpp::pme::cuda
