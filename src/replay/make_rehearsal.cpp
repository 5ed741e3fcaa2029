#include "rtml/replay/make_rehearsal.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace rtml {
namespace {

constexpr std::array<std::string_view, 6> buffers = {"reservoir", "class_balanced", "sliding", "prioritized", "decayed", "herding"};

ReplayBuffer buffer_of(Spec& spec, std::uint64_t seed) {
  const std::string& name = spec.name();
  require("rehearse", "buffer", name, std::find(buffers.begin(), buffers.end(), name) != buffers.end(), one_of(buffers));
  const auto size = static_cast<std::size_t>(spec.integer("size", 10'000, 1, 100'000'000));
  if (name == "reservoir") return reservoir(size, seed);
  if (name == "sliding") return sliding(size);
  if (name == "decayed") return decayed(spec.duration("half_life", DecayedBuffer::Options{}.half_life), size, seed);
  const auto classes = [&](std::size_t otherwise) {
    return static_cast<std::size_t>(spec.integer("classes", static_cast<std::int64_t>(otherwise), 1, 65536));
  };
  if (name == "class_balanced") {
    ClassBalancedBuffer::Options options{.capacity = size, .seed = seed};
    options.max_classes = classes(options.max_classes);
    return ClassBalancedBuffer(options);
  }
  if (name == "herding") {
    HerdingBuffer::Options options{.capacity = size, .seed = seed};
    options.max_classes = classes(options.max_classes);
    options.candidates = static_cast<std::size_t>(spec.integer("candidates", static_cast<std::int64_t>(options.candidates), 1, 65536));
    return HerdingBuffer(options);
  }
  PrioritizedBuffer::Options options{.capacity = size, .seed = seed};
  options.alpha = spec.number("alpha", options.alpha);
  options.beta = spec.number("beta", options.beta);
  options.epsilon = spec.number("epsilon", options.epsilon);
  return PrioritizedBuffer(options);
}

}  // namespace

Rehearsal make_rehearsal(Spec spec, std::uint64_t seed) {
  Rehearsal rehearsal(buffer_of(spec, seed), spec.number("ratio", 1.0), seed);
  const auto rows = [&](std::string_view key, std::uint64_t otherwise, std::int64_t least) {
    return static_cast<std::uint64_t>(spec.integer(key, static_cast<std::int64_t>(otherwise), least));
  };
  RehearsalSchedule& schedule = rehearsal.schedule;
  schedule.warmup = rows("warmup", schedule.warmup, 0);
  schedule.every = rows("every", schedule.every, 1);
  schedule.drift_rows = rows("drift_rows", schedule.drift_rows, 0);
  schedule.drift_ratio = spec.number("drift_ratio", schedule.drift_ratio);
  spec.finish();
  return rehearsal;
}

}  // namespace rtml
