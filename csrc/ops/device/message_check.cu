// SPDX-License-Identifier: GPL-2.0-or-later
//
// hotpp_message_check: the kernels of tensor_message on the device against the emulated ones on a small
// system, without Python or torch; what compute-sanitizer runs. Ends with 1 if a result is wrong. Compiled,
// not yet run on a device.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <random>
#include <vector>

#include "ops/device/check_arrays.cuh"
#include "ops/device/message_launch.h"
#include "pme/cuda/emulated_device.h"

using namespace hotpp::ops;
using namespace hotpp::ops::device;
using hotpp::pme::cuda::EmulatedLauncher;
using hotpp::pme::cuda::Order;

namespace {

constexpr int receivers = 11, senders = 13, edges = 97, channels = 33, knots = 9, parts = 3;
constexpr double cutoff = 3.0;

using Indices = std::vector<std::int64_t>;

// The edges of owners 0 ... n - 1, in their order.
std::pair<Indices, Indices> grouped(const Indices& owner, std::int64_t n) {
  Indices first(n + 1, 0), order;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::size_t e = 0; e < owner.size(); ++e)
      if (owner[e] == i) order.push_back(static_cast<std::int64_t>(e));
    first[i + 1] = static_cast<std::int64_t>(order.size());
  }
  order.resize(owner.size());
  return {first, order};
}

template <class Real>
struct Results {
  std::vector<Real> messages, by_features, by_vectors, by_table;
};

template <class Real>
Results<Real> results(MessageKind kind, MessageDevice<Real>& device, bool on_device) {
  std::mt19937 generator(3 * kind.rank_in + kind.rank_out);
  std::normal_distribution<double> normal;
  const auto random = [&](std::size_t size) {
    std::vector<Real> values(size);
    for (Real& value : values) value = static_cast<Real>(normal(generator));
    return Array<Real>(values, on_device);
  };
  const std::size_t in = components(kind.rank_in) * channels, out = components(kind.rank_out) * channels,
                    row = path_count(kind.rank_in, kind.rank_out) * channels;
  auto features = random(senders * in), features_tangent = random(senders * in), vectors = random(3 * edges),
       vectors_tangent = random(3 * edges), table = random(knots * 2 * row),
       table_tangent = random(knots * 2 * row), cotangent = random(receivers * out);
  Indices receiver(edges), sender(edges);
  for (int e = 0; e < edges; ++e) receiver[e] = e * receivers / edges, sender[e] = generator() % senders;
  Array<std::int64_t> to(receiver, on_device), from(sender, on_device);
  const auto by_receiver = grouped(receiver, receivers), by_sender = grouped(sender, senders);
  Array<std::int64_t> receiver_first(by_receiver.first, on_device), sender_first(by_sender.first, on_device),
      sender_order(by_sender.second, on_device), below(Indices(edges), on_device);

  MessageArrays<Real> arrays{};
  arrays.features = features.data();
  arrays.vectors = vectors.data();
  arrays.table = table.data();
  if (kind.tangent) {
    arrays.features_tangent = features_tangent.data();
    arrays.vectors_tangent = vectors_tangent.data();
    arrays.table_tangent = table_tangent.data();
  }
  arrays.cotangent = cotangent.data();
  arrays.receivers = to.data();
  arrays.senders = from.data();
  arrays.n_edges = edges;
  arrays.n_senders = senders;
  arrays.channels = channels;
  arrays.shape = {knots, static_cast<Real>(cutoff), static_cast<Real>((knots - 1) / cutoff)};

  const auto nothing = [&](std::size_t size) {
    return Array<Real>(std::vector<Real>(size, static_cast<Real>(NAN)), on_device);
  };
  auto messages = nothing(receivers * out), by_features = nothing(senders * in),
       by_vectors = nothing(3 * edges), by_table = nothing(knots * 2 * row),
       partial = nothing((knots - 1) * parts * 4 * row);
  device.messages(kind, arrays, {receiver_first.data(), nullptr, receivers}, messages.data());
  device.feature_gradients(kind, arrays, {sender_first.data(), sender_order.data(), senders},
                           by_features.data());
  device.edge_gradients(kind, arrays, by_vectors.data());
  device.find_knots(arrays, below.data());
  const auto by_knot = grouped(below.fetch(), knots - 1);
  Array<std::int64_t> knot_first(by_knot.first, on_device), knot_order(by_knot.second, on_device);
  device.table_gradients(kind, arrays, {knot_first.data(), knot_order.data(), knots - 1}, parts,
                         partial.data(), by_table.data());
  return {messages.fetch(), by_features.fetch(), by_vectors.fetch(), by_table.fetch()};
}

template <class Real>
bool check(MessageKind kind, double tolerance) {
  const auto device = cuda_message_device<Real>(0, nullptr);
  MessageLauncher<Real, EmulatedLauncher> reference{EmulatedLauncher(Order::Forward)};
  const Results<Real> actual = results(kind, *device, true), expected = results(kind, reference, false);
  const double worst =
      std::max({error(actual.messages, expected.messages), error(actual.by_features, expected.by_features),
                error(actual.by_vectors, expected.by_vectors), error(actual.by_table, expected.by_table)});
  const bool good = worst < tolerance;
  std::printf("%s ranks %d to %d tangent %d: %.1e %s\n", sizeof(Real) == 4 ? "float " : "double",
              kind.rank_in, kind.rank_out, kind.tangent, worst, good ? "" : "WRONG");
  return good;
}

}  // namespace

int main() try {
  bool good = true;
  for (int rank_in : {0, 1, 2})
    for (int rank_out : {0, 1, 2})
      for (bool tangent : {false, true}) {
        // some thousand operations in another order or with other fused multiplications
        good = check<float>({rank_in, rank_out, tangent}, 1e-4) && good;
        good = check<double>({rank_in, rank_out, tangent}, 1e-12) && good;
      }
  return good ? 0 : 1;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
