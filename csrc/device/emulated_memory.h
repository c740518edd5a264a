// SPDX-License-Identifier: GPL-2.0-or-later
// Memory of the emulated device: pages of the host that only the "device" may touch.
//
// Whoever reads or writes it without an Access (that is: code that mistakes a pointer of a device for one of
// the host) ends with a segmentation fault, as it would on a machine with a device.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>

namespace hotpp::emulated {

class Memory {
 public:
  static Memory& instance();

  void* allocate(std::size_t bytes);  // throws std::bad_alloc
  void release(void*) noexcept;

  // While one lives, the memory can be touched: a kernel or a copy is running.
  class Access {
   public:
    Access() { instance().open(); }
    ~Access() { instance().close(); }
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;
  };

 private:
  Memory();
  void open();
  void close();
  void protect(int protection);

  std::recursive_mutex mutex_;  // kernels run one at a time, as on a stream
  int open_ = 0;
  char* begin_;
  std::size_t used_ = 0;                     // highest end of a block so far
  std::map<std::size_t, std::size_t> free_;  // bytes of the holes below `used_` by their place
  std::map<void*, std::size_t> blocks_;      // bytes
};

}  // namespace hotpp::emulated
