// SPDX-License-Identifier: GPL-2.0-or-later
//
// What was made lately and may be wanted again: forward, backward and double backward of one training step
// ask for the same.
#pragma once

#include <list>
#include <memory>
#include <mutex>

namespace hotpp::ops {

template <class Key, class Value>
class Recent {
 public:
  explicit Recent(std::size_t most) : most_(most) {}

  // The value of an equal key, or make().
  template <class Make>
  std::shared_ptr<const Value> find(const Key& key, const Make& make) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
        if (entry->first == key) {
          entries_.splice(entries_.begin(), entries_, entry);
          return entry->second;
        }
    }
    auto value = std::make_shared<const Value>(make());
    const std::lock_guard<std::mutex> lock(mutex_);
    entries_.emplace_front(key, value);
    if (entries_.size() > most_) entries_.pop_back();
    return value;
  }

 private:
  std::size_t most_;
  std::mutex mutex_;
  std::list<std::pair<Key, std::shared_ptr<const Value>>> entries_;
};

}  // namespace hotpp::ops
