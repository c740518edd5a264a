// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where each matrix of a layer lies in the flat tensor `weights` of atom_update.
//
// First all matrices as [C_in, padded C_out] (the transpose of torch's), then all of them in the same order
// as [C_out, padded C_in], which the backward pass streams, then biases and rows of read-outs, [padded C].
// Padding: zeros to a multiple of 16 numbers, so that every vector register is loaded whole.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace hotpp::ops {

constexpr int kWeightPadding = 16;
constexpr std::int64_t padded_channels(std::int64_t channels) {
  return (channels + kWeightPadding - 1) / kWeightPadding * kWeightPadding;
}

// What a layer does: everything that decides which matrices exist.
struct UpdateKind {
  std::int64_t channels;
  int rank;        // of the messages and of the new features
  bool many_body;  // products of a message with itself; false for rank 0
  bool last;       // no further layer: no rank-2 features, nothing to send
  bool charges, dipoles;

  int components() const { return rank == 0 ? 1 : rank == 1 ? 4 : 10; }
  int scalar_inputs() const { return 1 + rank; }
  int vector_inputs() const { return many_body ? 1 + rank : 1; }
  int tensor_inputs() const { return many_body ? 3 : 1; }
  // In the last layer vectors serve the dipoles only.
  bool has_vectors() const { return rank >= 1 && (!last || dipoles); }
  bool has_tensors() const { return rank >= 2 && !last; }
};

// Offsets, in numbers, of the first matrix of each group; -1 where a group does not exist.
struct UpdateWeights {
  std::int64_t mix;                  // 1 + rank matrices: what RankLinear does to the messages
  std::int64_t scalar, scalar_bias;  // scalar_inputs() matrices: s, |v|², |T|²
  std::int64_t vector_gate, vector_gate_bias, vector;  // vector_inputs() matrices: v, s v, T·v
  std::int64_t tensor_gate, tensor_gate_bias, tensor;  // tensor_inputs() matrices: T, s T, v⊗v
  std::int64_t energy, energy_bias, energy_out;
  std::int64_t next_mix;  // 1 + rank matrices
  std::int64_t charge, charge_bias, charge_out;
  std::int64_t dipole, dipole_bias, dipole_gate, dipole_gate_bias, dipole_out;
  std::int64_t transposed;  // added to the offset of a matrix: that of its transpose
  std::int64_t size;        // of the whole tensor
};

inline UpdateWeights update_weights(const UpdateKind& kind) {
  const std::int64_t row = padded_channels(kind.channels), matrix = kind.channels * row;
  std::int64_t matrices = 0, rows = 0;
  const auto take = [&](int n) {
    const std::int64_t first = matrices;
    matrices += n * matrix;
    return first;
  };
  // Rows lie behind the matrices, whose number is known at the end only.
  const auto take_row = [&] { return rows++; };
  UpdateWeights w;
  w.tensor_gate = w.tensor_gate_bias = w.tensor = w.vector_gate = w.vector_gate_bias = w.vector = -1;
  w.next_mix = w.charge = w.charge_bias = w.charge_out = -1;
  w.dipole = w.dipole_bias = w.dipole_gate = w.dipole_gate_bias = w.dipole_out = -1;
  w.mix = take(1 + kind.rank);
  w.scalar = take(kind.scalar_inputs());
  w.scalar_bias = take_row();
  if (kind.has_vectors()) {
    w.vector_gate = take(1);
    w.vector_gate_bias = take_row();
    w.vector = take(kind.vector_inputs());
  }
  if (kind.has_tensors()) {
    w.tensor_gate = take(1);
    w.tensor_gate_bias = take_row();
    w.tensor = take(kind.tensor_inputs());
  }
  w.energy = take(1);
  w.energy_bias = take_row();
  w.energy_out = take_row();
  if (!kind.last) w.next_mix = take(1 + kind.rank);
  if (kind.charges) {
    w.charge = take(1);
    w.charge_bias = take_row();
    w.charge_out = take_row();
  }
  if (kind.dipoles) {
    w.dipole = take(1);
    w.dipole_bias = take_row();
    w.dipole_gate = take(1);
    w.dipole_gate_bias = take_row();
    w.dipole_out = take_row();
  }
  w.transposed = matrices;
  for (std::int64_t* offset :
       {&w.scalar_bias, &w.vector_gate_bias, &w.tensor_gate_bias, &w.energy_bias, &w.energy_out,
        &w.charge_bias, &w.charge_out, &w.dipole_bias, &w.dipole_gate_bias, &w.dipole_out}) {
    if (*offset >= 0) *offset = 2 * matrices + *offset * row;
  }
  w.size = 2 * matrices + rows * row;
  return w;
}

}  // namespace hotpp::ops
