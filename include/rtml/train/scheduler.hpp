#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/watermark.hpp"
#include "rtml/train/retrain.hpp"

namespace rtml {

/// Keeps one model's retraining policy over a stream of labels: says whether a label is learned as it comes, and when a retraining is due.
/// Single owner. O(conditions) a label.
class RetrainScheduler {
 public:
  /// @throws ConfigError
  explicit RetrainScheduler(Retrain policy) : policy_(std::move(policy)), memory_(policy_.when) { policy_.validate(); }

  const Retrain& policy() const noexcept { return policy_; }

  /// True when the next label is learned as it comes.
  bool learns() const noexcept { return policy_.online || labels_ < policy_.warmup; }

  /// Counts a label that happened at `at`.
  void count(Time at) noexcept {
    if (labels_ == 0) since_ = now_ = at;
    ++labels_;
    ++labels_since_;
    ++untrained_;
    now_ = std::max(now_, at);
  }

  std::uint64_t labels() const noexcept { return labels_; }

  /// Labels since the last retraining, or since the start.
  std::uint64_t labels_since() const noexcept { return labels_since_; }

  /// Labels that no retraining of the model that serves has seen: those of a candidate that its gate discarded among them.
  std::uint64_t untrained() const noexcept { return untrained_; }
  Time since() const noexcept { return since_; }
  std::uint64_t retrainings() const noexcept { return retrainings_; }

  /// Looks at the trigger: why a retraining is due now, or nullopt. Whether there are `min_samples` rows is for whoever holds them to say.
  /// Each look counts for conditions that must hold for a while, those of cooldowns too.
  std::optional<std::string> due(std::span<const double> signals) {
    if (labels_since_ == 0) return std::nullopt;
    auto why = policy_.when.evaluate({labels_since_, now_ - since_}, signals, memory_);
    if (retrainings_ > 0 && labels_since_ < policy_.cooldown) return std::nullopt;
    if (policy_.most_per_day != 0 && within_a_day() >= policy_.most_per_day) return std::nullopt;
    return why;
  }

  /// Notes that a retraining took place.
  void done() {
    ++retrainings_;
    labels_since_ = untrained_ = 0;
    since_ = now_;
    memory_.clear();
    if (policy_.most_per_day == 0) return;
    std::erase_if(today_, [&](Time at) { return at <= now_ - days(1); });
    today_.push_back(now_);
  }

  /// Notes that the model which had learned the last retraining's `labels` does not serve after all.
  void discarded(std::uint64_t labels) noexcept { untrained_ = std::min(untrained_ + labels, labels_); }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + today_.capacity() * sizeof(Time); }

  /// How far it has come. What shapes the rest is the trigger: archive_trigger.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::uint32_t version = ar.header("RetrainScheduler", 3);
    ar(self.labels_, self.labels_since_, self.retrainings_, self.since_, self.now_);
    ar.check(self.labels_since_ <= self.labels_, "labels since the last retraining");
    ar.check(Watermark::limited(self.since_) == self.since_ && Watermark::limited(self.now_) == self.now_, "time");
    if (version >= 3) {
      ar(self.untrained_);
    } else if constexpr (Ar::reading) {
      self.untrained_ = self.labels_since_;
    }
    ar.check(self.untrained_ <= self.labels_, "labels that no retraining has seen");
    if (version < 2) return;
    ar(self.today_);
    for (const Time at : self.today_) ar.check(Watermark::limited(at) == at, "time of a retraining");
  }

  /// How long conditions have held. @pre the trigger is the one that it was
  template <class Self, class Ar>
  static void archive_trigger(Self& self, Ar& ar) {
    ar(self.memory_);
  }

 private:
  std::uint64_t within_a_day() const noexcept {
    return static_cast<std::uint64_t>(std::count_if(today_.begin(), today_.end(), [&](Time at) { return at > now_ - days(1); }));
  }

  Retrain policy_;
  Trigger::Memory memory_;
  std::uint64_t labels_ = 0;
  std::uint64_t labels_since_ = 0;
  std::uint64_t untrained_ = 0;
  std::uint64_t retrainings_ = 0;
  Time since_{};
  Time now_{};
  std::vector<Time> today_;  // when the last day's retrainings began, where their number is limited
};

}  // namespace rtml
