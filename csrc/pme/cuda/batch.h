// SPDX-License-Identifier: GPL-2.0-or-later
// A batch of structures on a device, each with a mesh of its own, and how one launch serves them all.
//
// Atoms are grouped by structure. Meshes [K1, K2, K3] lie one behind the other in one flat buffer without
// padding, and so do their spectra [K1, K2, K3/2 + 1].
#pragma once

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "pme/cuda/block.h"
#include "pme/cuda/envelope.h"
#include "pme/cuda/layout.h"
#include "pme/cuda/step.h"
#include "pme/multipoles.h"

namespace hotpp::pme::cuda {

/// The mesh of one structure; in device memory.
struct BatchMesh {
  Layout layout;           ///< row = K3
  long long first_point;   ///< in the flat buffer
  long long first_mode;    ///< in the flat spectrum
  long long first_factor;  ///< of its deconvolution factors, K1 + K2 + K3
  long long first_bin;
  Envelope envelopes[max_rank + 1];  ///< by rank, as far as the order allows
};

/// The atoms of one structure; in device memory.
struct BatchAtoms {
  Step step;  ///< only the number of atoms counts
  long long first_atom;
};

inline BatchMesh make_batch_mesh(const std::array<int, 3>& points, int order) {
  BatchMesh mesh{};
  mesh.layout = make_layout(points, order);
  mesh.layout.row = points[2];
  for (int rank = 0; rank <= max_rank && lowest_order(rank) <= order; ++rank)
    mesh.envelopes[rank] = make_envelope(order, rank, points.data());
  return mesh;
}

/// What the host knows of a batch; pointers into device memory.
struct Batch {
  int structures, order;
  const BatchMesh* meshes;
  int most_points, most_modes, most_bins;  ///< of one structure
  // where there are atoms
  const BatchAtoms* atoms;
  int most_atoms;  ///< of one structure
};

/// Some consecutive blocks of a launch, seen as a whole grid.
template <class Block>
class PartOfGrid : public Block {
 public:
  HOTPP_DEVICE PartOfGrid(const Block& block, int index, int blocks)
      : Block(block), index_(index), blocks_(blocks) {}
  HOTPP_DEVICE int index() const { return index_; }
  HOTPP_DEVICE int blocks() const { return blocks_; }
  bool is_last(unsigned*) = delete;  // that of the whole grid

 private:
  int index_, blocks_;
};

/// One launch of make(structure) for every structure, each with `blocks_each` blocks: enough for the largest,
/// so the kernel must cope with blocks that find nothing to do.
template <class Make>
struct PerStructure {
  using Kernel = decltype(std::declval<const Make&>()(0));
  static constexpr int threads = Kernel::threads;

  Make make;
  int blocks_each;

  static std::size_t shared_bytes() { return Kernel::shared_bytes(); }

  template <class Block>
  HOTPP_DEVICE void operator()(Block& block) const {
    PartOfGrid<Block> part(block, block.index() % blocks_each, blocks_each);
    make(block.index() / blocks_each)(part);
  }
};

template <class Device, class Make>
void launch_per_structure(Device& device, const Make& make, int structures, long long blocks_each) {
  if (structures == 0) return;
  const int each = static_cast<int>(std::max(blocks_each, 1LL));
  if (static_cast<double>(each) * structures > 2147483647.0)
    throw std::invalid_argument(
        "The batch needs more than 2^31 blocks of threads: use fewer structures in a batch.");
  device.launch(PerStructure<Make>{make, each}, each * structures);
}

}  // namespace hotpp::pme::cuda
