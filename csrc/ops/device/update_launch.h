// SPDX-License-Identifier: GPL-2.0-or-later
//
// UpdateDevice by the kernels of update_forward.h and update_backward.h; Device: launches kernels (CUDA, or
// emulated).
#pragma once

#include <stdexcept>

#include "ops/device/update_backward.h"
#include "ops/device/update_device.h"
#include "ops/device/update_forward.h"

namespace hotpp::ops::device {

template <class Real, class Device>
class UpdateLauncher : public UpdateDevice<Real> {
 public:
  /// shared_limit: bytes of shared memory that a block of threads can have.
  UpdateLauncher(const Device& device, std::size_t shared_limit) : device_(device), limit_(shared_limit) {}

  bool fits(int rank, int channels) const override {
    UpdateJob<Real> job{};
    job.rank = rank;
    job.channels = channels;
    bool good = false;
    with_rank(job, [&](auto r) { good = bytes<decltype(r)::value>(job, fewest) <= limit_; });
    return good;
  }
  void forward(const UpdateJob<Real>& job, std::int64_t n, Real* kept) override {
    with_rank(job, [&](auto rank) {
      launch(
          UpdateForward<decltype(rank)::value, Real>{{job, kept, n, atoms<decltype(rank)::value>(job, n)}});
    });
  }
  void backward(const UpdateJob<Real>& job, std::int64_t n, const Real* kept) override {
    with_rank(job, [&](auto rank) {
      launch(UpdateBackward<decltype(rank)::value, Real>{
          {job, const_cast<Real*>(kept), n, atoms<decltype(rank)::value>(job, n)}});
    });
  }

 private:
  // Atoms of a block: the more of them, the less often the matrices are read, but then few atoms would leave
  // multiprocessors without work.
  static constexpr int most = 16, less = 8, fewest = 4;
  static constexpr std::int64_t few = 2048;

  template <class F>
  static void with_rank(const UpdateJob<Real>& job, const F& f) {
    if (job.rank == 0) f(Number<0>{});
    if (job.rank == 1) f(Number<1>{});
    if (job.rank == 2) f(Number<2>{});
  }
  template <int Rank>
  static std::size_t bytes(const UpdateJob<Real>& job, int atoms) {
    return UpdateForward<Rank, Real>{{job, nullptr, 0, atoms}}
        .shared_bytes();  // the backward pass needs less
  }
  /// Two blocks should have room on a multiprocessor.
  template <int Rank>
  int atoms(const UpdateJob<Real>& job, std::int64_t n) const {
    if (n >= few && bytes<Rank>(job, most) <= limit_ / 2) return most;
    return bytes<Rank>(job, less) <= limit_ / 2 ? less : fewest;
  }

  template <class Kernel>
  void launch(const Kernel& kernel) {
    const std::int64_t blocks = kernel.grid();
    if (blocks > 2147483647)
      throw std::invalid_argument("atom_update needs more than 2^31 blocks of threads: use fewer atoms.");
    if (blocks > 0) device_.launch(kernel, static_cast<int>(blocks));
  }

  Device device_;
  std::size_t limit_;
};

}  // namespace hotpp::ops::device
