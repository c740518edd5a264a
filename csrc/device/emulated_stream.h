// SPDX-License-Identifier: GPL-2.0-or-later
// The one stream of the emulated device. Kernels run at once; copies that do not wait arrive as late as they
// may on a device, so that code which forgets to wait reads the old bytes.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

namespace hotpp::emulated {

class Stream {
 public:
  static Stream& instance();

  // To the host, without waiting: `bytes` arrive at the next synchronise.
  void to_host_later(void* host, const void* device, std::size_t bytes);
  // From page-locked memory of the host, without waiting. Throws at the next synchronise if the host has
  // changed its bytes meanwhile: a device might have read the new ones.
  void from_host_later(void* device, const void* host, std::size_t bytes);
  void synchronise();

  // Page-locked memory of the host.
  void* allocate_locked(std::size_t bytes);
  void release_locked(void*) noexcept;
  bool is_locked(const void*) const;

 private:
  struct Copy {
    char* host;
    std::vector<char> bytes;
    bool to_host;
  };

  mutable std::recursive_mutex mutex_;
  std::vector<Copy> copies_;
  std::map<const char*, std::size_t> locked_;  // bytes by address
};

}  // namespace hotpp::emulated
