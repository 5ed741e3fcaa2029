#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rtml/core/time.hpp"

namespace rtml {

/// Something that happened to a loop: told to the host from the thread that calls work(), and kept in Loop::events().
struct LoopEvent {
  /// `retrain`: a model was trained, and serves unless it has a gate to pass; then `promoted` or `discarded` follows. `rolled_back` or
  /// `passed`: what became of a canary.
  enum class Kind : std::uint8_t {
    drift,
    retrain,
    checkpoint,
    checkpoint_failed,
    resume,
    state_refused,
    work_failed,
    promoted,
    discarded,
    rolled_back,
    passed
  };

  Kind kind = Kind::drift;
  std::uint64_t event = 0;    ///< how many predictions were served before
  Time at{};                  ///< event time
  std::string what = {};      ///< the feature or "error", the arm, or the file with what became of it
  std::string detector = {};  ///< of a drift: who says so; of a retraining: the trigger with its numbers; of a gate or a canary: the losses
  double statistic =
      0.0;  ///< of a drift: the distance, or the rolling metric; of a retraining: the examples it learned; of a gate or a canary: labels
  bool fresh = false;  ///< of a retraining: from an untrained learner

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::uint32_t version = ar.header("LoopEvent", 2);
    ar.check(version == 2, "version (of a build before any release)");
    ar(self.kind, self.event, self.at, self.what, self.detector, self.statistic, self.fresh);
    ar.check(self.kind <= Kind::passed, "kind");
  }
};

constexpr std::string_view name_of(LoopEvent::Kind kind) noexcept {
  constexpr std::string_view names[] = {"drift",       "retrain",  "checkpoint", "checkpoint failed", "resume", "state refused",
                                        "work failed", "promoted", "discarded",  "rolled back",       "passed"};
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace rtml
