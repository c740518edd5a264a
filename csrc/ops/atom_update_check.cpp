// SPDX-License-Identifier: GPL-2.0-or-later
//
// What atom_update refuses, so that its loops need not look.
#include <ATen/ATen.h>

#include "ops/atom_update.h"

namespace hotpp::ops {

UpdateKind describe_update(const UpdateInputs& x, bool many_body, bool last, bool charges, bool dipoles) {
  const std::int64_t components = x.messages.size(1);
  return {x.messages.size(2),
          components == 1   ? 0
          : components == 4 ? 1
                            : 2,
          many_body && components > 1,
          last,
          charges,
          dipoles};
}

UpdateKind check_update(const UpdateInputs& x, bool many_body, bool last, bool charges, bool dipoles) {
  const auto& [messages, features, species, elements, weights] = x;
  TORCH_CHECK(
      messages.dim() == 3 && (messages.size(1) == 1 || messages.size(1) == 4 || messages.size(1) == 10),
      "atom_update: messages have shape ", messages.sizes(), ", expected [n_atoms, 1 | 4 | 10, channels].");
  TORCH_CHECK(messages.scalar_type() == at::kFloat || messages.scalar_type() == at::kDouble,
              "atom_update: messages are ", messages.scalar_type(), ", expected float32 or float64.");
  const std::int64_t n = messages.size(0), components = messages.size(1), channels = messages.size(2);
  TORCH_CHECK(channels > 0, "atom_update: messages have shape ", messages.sizes(),
              ", expected at least one channel.");
  TORCH_CHECK(features.dim() == 3 && features.size(0) == n &&
                  (features.size(1) == 1 || features.size(1) == components) && features.size(2) == channels,
              "atom_update: features have shape ", features.sizes(), ", expected [", n, ", 1 | ", components,
              ", ", channels, "] for these messages.");
  TORCH_CHECK(species.dim() == 1 && species.size(0) == n && species.scalar_type() == at::kLong,
              "atom_update: species are ", species.scalar_type(), species.sizes(), ", expected int64 [", n,
              "]: those of the owned atoms.");
  TORCH_CHECK(elements.dim() == 2 && elements.size(1) == channels + 2, "atom_update: elements have shape ",
              elements.sizes(), ", expected [n_elements, ", channels + 2,
              "]: the factor of each channel, the energy and the charge of an element.");
  const UpdateKind kind = describe_update(x, many_body, last, charges, dipoles);
  TORCH_CHECK(last || !(charges || dipoles),
              "atom_update: charges and dipoles are read out of the last layer; give last = True.");
  TORCH_CHECK(!dipoles || kind.rank >= 1,
              "atom_update: dipoles are read out of vectors, but the messages are scalars.");
  const std::int64_t size = update_weights(kind).size;
  TORCH_CHECK(weights.dim() == 1 && weights.size(0) == size, "atom_update: weights have shape ",
              weights.sizes(), ", expected [", size, "] for rank ", kind.rank, " and ", channels,
              " channels; pack them with hotpp_lr.model.atom_update.");
  for (const at::Tensor& t : {features, elements, weights}) {
    TORCH_CHECK(t.scalar_type() == messages.scalar_type(), "atom_update: messages are ",
                messages.scalar_type(), ", features ", features.scalar_type(), ", elements ",
                elements.scalar_type(), ", weights ", weights.scalar_type(), "; convert them to one type.");
  }
  for (const at::Tensor& t : {features, species, elements, weights}) {
    TORCH_CHECK(t.device() == messages.device(), "atom_update: a tensor is on ", t.device(),
                ", the messages are on ", messages.device(), "; move all of them to one device.");
  }
  if (messages.is_cpu()) {
    const at::Tensor indices = species.contiguous();
    const std::int64_t* element = indices.const_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < n; ++i) {
      TORCH_CHECK(element[i] >= 0 && element[i] < elements.size(0), "atom_update: species[", i,
                  "] = ", element[i], ", expected 0 <= species < ", elements.size(0),
                  ", the number of elements.");
    }
  }
  return kind;
}

}  // namespace hotpp::ops
