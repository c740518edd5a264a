// SPDX-License-Identifier: GPL-2.0-or-later
// Features of ghost atoms between the layers of a message passing network.
//
// The exported model calls `hotpp_lr::ghost_exchange(owned, exchange)`. With `exchange` = 0 all senders are
// owned atoms and nothing happens. Otherwise `exchange` is the handle of an object that an engine has
// registered here.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

namespace hotpp {

// The linear map "copy owned rows to their ghosts" and its adjoint, for tensors of any trailing shape.
class GhostExchange {
 public:
  virtual ~GhostExchange() = default;
  virtual std::int64_t n_owned() const = 0;
  virtual std::int64_t n_total() const = 0;
  // [n_owned, ...] -> [n_total, ...]: owned rows first and unchanged, ghost rows equal to those of their
  // owners.
  virtual at::Tensor forward(const at::Tensor& owned) = 0;
  // [n_total, ...] -> [n_owned, ...]: every ghost row added to its owner.
  virtual at::Tensor backward(const at::Tensor& total) = 0;
};

// Ghosts and owners in one process: an index copy on the tensor's own device.
class IndexExchange : public GhostExchange {
 public:
  // owners [n_total] int64: the owned atom whose copy each atom is; the first n_owned are 0, 1, 2…
  IndexExchange(at::Tensor owners, std::int64_t n_owned);
  std::int64_t n_owned() const override { return n_owned_; }
  std::int64_t n_total() const override { return owners_.size(0); }
  at::Tensor forward(const at::Tensor& owned) override;
  at::Tensor backward(const at::Tensor& total) override;

 private:
  at::Tensor owners_;
  std::int64_t n_owned_;
};

// Returns a handle > 0, valid until it is released.
std::int64_t register_exchange(std::shared_ptr<GhostExchange> exchange);
void release_exchange(std::int64_t handle);

}  // namespace hotpp
