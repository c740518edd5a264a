// SPDX-License-Identifier: GPL-2.0-or-later
#include "ops/atom_update.h"

#include <torch/library.h>

namespace hotpp::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;

Outputs atom_update(const Tensor& messages, const Tensor& features, const Tensor& species,
                    const Tensor& elements, const Tensor& weights, bool many_body, bool last, bool charges,
                    bool dipoles) {
  const UpdateInputs x{messages, features, species, elements, weights};
  const UpdateKind kind = check_update(x, many_body, last, charges, dipoles);
  const UpdateOutputs out = compose_update(x, kind);
  return {out.features, out.sent, out.energies, out.charges, out.dipoles};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(hotpp_lr, m) {
  m.def(
      "atom_update(Tensor messages, Tensor features, Tensor species, Tensor elements, Tensor weights, "
      "bool many_body, bool last, bool charges, bool dipoles) -> (Tensor, Tensor, Tensor, Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(hotpp_lr, CompositeImplicitAutograd, m) { m.impl("atom_update", atom_update); }

}  // namespace hotpp::ops
