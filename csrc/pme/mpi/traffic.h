// SPDX-License-Identifier: GPL-2.0-or-later
// What one rank sends to others in one step; copies within a rank do not count.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace hotpp::pme {

struct Messages {
  std::int64_t messages = 0, bytes = 0;
  void add(std::int64_t size) {
    ++messages;
    bytes += size;
  }
};

struct Traffic {
  Messages charge;       ///< windows -> owners, fixed point
  Messages transposes;   ///< between the owners, both directions
  Messages potential;    ///< owners -> windows
  Messages collectives;  ///< contributions to the exchange of boxes and to the global sums
  Messages sum() const {
    Messages total;
    for (const Messages& part : {charge, transposes, potential, collectives}) {
      total.messages += part.messages;
      total.bytes += part.bytes;
    }
    return total;
  }
};

}  // namespace hotpp::pme
