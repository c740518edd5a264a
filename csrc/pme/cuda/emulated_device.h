// SPDX-License-Identifier: GPL-2.0-or-later
// A device without a device: runs the kernels of pme/cuda block by block and thread by thread on the CPU, so
// that all of them are tested on machines without a GPU. Slow; for tests and as a reference.
//
// The order of blocks and of the work in a phase can be turned round or shuffled: a kernel whose result then
// changes has a race. Shared memory is allocated to the byte and poisoned for every block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "pme/cuda/block.h"
#include "pme/cuda/emulated_fft.h"
#include "pme/cuda/layout.h"

namespace hotpp::pme::cuda {

enum class Order { Forward, Reverse, Shuffled };

/// Calls f(0) ... f(count - 1) in some order.
template <class F>
void in_order(Order order, int count, const F& f) {
  if (order == Order::Forward) {
    for (int i = 0; i < count; ++i) f(i);
  } else if (order == Order::Reverse) {
    for (int i = count - 1; i >= 0; --i) f(i);
  } else if (count > 0) {
    // i -> (a i + b) mod count with a prime to count visits everything once
    std::int64_t a = count / 3 * 2 + 1;
    while (std::gcd(a, static_cast<std::int64_t>(count)) != 1) ++a;
    for (int i = 0; i < count; ++i) f(static_cast<int>((a * i + count / 2) % count));
  }
}

class EmulatedBlock {
 public:
  EmulatedBlock(int index, int blocks, void* shared, Order order)
      : index_(index), blocks_(blocks), shared_(shared), order_(order) {}

  int index() const { return index_; }
  int blocks() const { return blocks_; }
  void* shared() const { return shared_; }

  template <class F>
  void each(int count, const F& f) {
    in_order(order_, count, f);
  }
  bool is_last(unsigned* counter) { return (*counter)++ == static_cast<unsigned>(blocks_) - 1; }

  template <class T>
  static void add(T* p, T v) {
    using Unsigned = std::make_unsigned_t<T>;  // as on the device, overflow is not undefined
    *p = static_cast<T>(static_cast<Unsigned>(*p) + static_cast<Unsigned>(v));
  }
  static int fetch_add(int* p, int v) {
    const int old = *p;
    *p += v;
    return old;
  }
  static void maximum(unsigned* p, unsigned v) { *p = std::max(*p, v); }
  static void minimum(int* p, int v) { *p = std::min(*p, v); }
  static void set_bits(unsigned* p, unsigned bits) { *p |= bits; }

 private:
  int index_, blocks_;
  void* shared_;
  Order order_;
};

class EmulatedLauncher {
 public:
  explicit EmulatedLauncher(Order order) : order_(order) {}

  template <class T>
  class Buffer {
   public:
    T* data() { return values_.get(); }
    std::size_t size() const { return size_; }
    void allocate(std::size_t size) {
      values_.reset(static_cast<T*>(std::malloc(std::max<std::size_t>(size, 1) * sizeof(T))));
      if (!values_) throw std::bad_alloc();
      std::memset(static_cast<void*>(values_.get()), 0xCD, size * sizeof(T));
      size_ = size;
    }

   private:
    struct Free {
      void operator()(T* p) const { std::free(p); }
    };
    std::unique_ptr<T, Free> values_;
    std::size_t size_ = 0;
  };

  template <class T>
  void upload(Buffer<T>& to, const T* from, std::size_t count) {
    std::memcpy(static_cast<void*>(to.data()), from, count * sizeof(T));
  }

  template <class Kernel>
  void launch(const Kernel& kernel, int blocks) {
    const std::size_t bytes = kernel.shared_bytes();
    in_order(order_, blocks, [&](int index) {
      const std::unique_ptr<void, void (*)(void*)> shared(std::malloc(std::max<std::size_t>(bytes, 1)),
                                                          &std::free);
      std::memset(shared.get(), 0xCD, bytes);
      EmulatedBlock block(index, blocks, shared.get(), order_);
      kernel(block);
    });
  }

 private:
  Order order_;
};

template <class Real>
class EmulatedDevice : public EmulatedLauncher {
 public:
  EmulatedDevice(const Layout& layout, Order order) : EmulatedLauncher(order), fft_(layout) {}

  void forward(Real* mesh) { fft_.forward(mesh); }
  void backward(Real* mesh) { fft_.backward(mesh); }

 private:
  EmulatedFft<Real> fft_;
};

}  // namespace hotpp::pme::cuda
