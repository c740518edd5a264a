// SPDX-License-Identifier: GPL-2.0-or-later
#include "step_graphs.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <cstdlib>
#include <utility>

#include "device_tensors.h"

namespace hotpp {
namespace {

// A device records no default stream. All recordings of a device use the same one, so that the backward pass
// stays on the stream of its forward pass.
c10::Stream recording_stream(at::Device device) {
  static std::array<std::unique_ptr<c10::Stream>, 64> streams;
  auto& stream = streams.at(static_cast<std::size_t>(device.index()));
  if (!stream)
    stream = std::make_unique<c10::Stream>(
        c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device));
  return *stream;
}

void record_work(DeviceGraph& graph, DeviceGraph* earlier, const std::function<void()>& work) {
  graph.begin(earlier);
  try {
    work();
  } catch (...) {
    try {
      graph.end();
    } catch (...) {  // says that there was an error: the one that is on its way
    }
    throw;
  }
  graph.end();
}

// What torch says about an error within a model ends in the reason, after a trace of the model's code.
std::string reason(const std::exception& error) {
  static const std::string mark = "RuntimeError: ";
  const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
  const std::string text = of_torch ? of_torch->what_without_backtrace() : error.what();
  const auto found = text.rfind(mark);
  const auto begin = found == std::string::npos ? 0 : found + mark.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace

StepGraphs::StepGraphs(const Device& device) : device_(device), wanted_(!device.is_host()) {
  const char* wish = std::getenv("HOTPP_GRAPH");
  if (wish && std::string(wish) == "0") wanted_ = false;
  if (!wanted_ || device_.has_graph()) return;
  wanted_ = false;
  note_ =
      "every step is started anew: " + device_.graph_library() + " is not installed, or is not of this torch";
}

StepGraphs::~StepGraphs() = default;

std::string StepGraphs::take_note() { return std::exchange(note_, {}); }

void StepGraphs::forget() {
  after_.reset();
  before_.reset();
}

void StepGraphs::run(const Key& key, const Work& before, const Work& between, const Work& after) {
  const auto step = [&] {
    before();
    if (between) between();
    after();
  };
  if (!wanted_) return step();
  if (key != key_) {
    forget();
    key_ = key;
    steps_ = 0;
  }
  ++steps_;
  if (steps_ == 1) return step();
  if (steps_ == 2) return rehearse(step);
  if (steps_ > 3) return replay(between);
  try {
    record(before, between, after);
  } catch (const std::exception& error) {
    forget();
    wanted_ = false;
    note_ = "every step is started anew, because the step could not be recorded: " + reason(error);
    return step();
  }
  note_ = recordings_++ == 0 ? "steps are recorded" : "recorded again, for another number of atoms or pairs";
}

// On the stream that is recorded next, so that libraries have their memory for it, and kernels are loaded.
void StepGraphs::rehearse(const Work& step) {
  const at::Device device(device_.name());
  synchronise(device);
  const c10::StreamGuard guard(recording_stream(device));
  step();
  synchronise(device);
}

void StepGraphs::record(const Work& before, const Work& between, const Work& after) {
  const at::Device device(device_.name());
  synchronise(device);
  before_ = device_.make_graph();
  {
    const c10::StreamGuard guard(recording_stream(device));
    record_work(*before_, nullptr, [&] {
      before();
      if (!between) after();
    });
  }
  before_->replay();
  if (!between) return;
  between();
  after_ = device_.make_graph();
  {
    const c10::StreamGuard guard(recording_stream(device));
    record_work(*after_, before_.get(), after);
  }
  after_->replay();
}

void StepGraphs::replay(const Work& between) {
  before_->replay();
  if (!between) return;
  between();
  after_->replay();
}

}  // namespace hotpp
