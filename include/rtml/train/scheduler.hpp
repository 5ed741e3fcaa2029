#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/example.hpp"
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
    if (labels_ == 0) since_ = at;
    ++labels_;
    ++labels_since_;
    now_ = std::max(now_, at);
  }

  std::uint64_t labels() const noexcept { return labels_; }

  /// Labels since the last retraining, or since the start.
  std::uint64_t labels_since() const noexcept { return labels_since_; }
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

  /// Notes that a retraining took place, which has not seen the last `missed` labels.
  void done(std::uint64_t missed = 0) {
    ++retrainings_;
    labels_since_ = missed;
    since_ = now_;
    memory_.clear();
    if (policy_.most_per_day == 0) return;
    std::erase_if(today_, [&](Time at) { return at <= now_ - days(1); });
    today_.push_back(now_);
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + today_.capacity() * sizeof(Time); }

  /// How far it has come. What shapes the rest is the trigger: archive_trigger.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::uint32_t version = ar.header("RetrainScheduler", 2);
    ar(self.labels_, self.labels_since_, self.retrainings_, self.since_, self.now_);
    ar.check(self.labels_since_ <= self.labels_, "labels since the last retraining");
    ar.check(Watermark::limited(self.since_) == self.since_ && Watermark::limited(self.now_) == self.now_, "time");
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
  std::uint64_t retrainings_ = 0;
  Time since_{};
  Time now_{};
  std::vector<Time> today_;  // when the last day's retrainings began, where their number is limited
};

/// The rows that `data` picks of `history`, calling `visit(example)` for each, oldest first. `History` has size() and at(i) -> Example, in
/// the order in which the labels came; `labels_since` are the labels since the last retraining. O(rows).
template <class History, class Visit>
void for_rows(const Data& data, const History& history, std::uint64_t labels_since, Time now, Visit&& visit) {
  std::size_t first = 0;
  const auto newest = [&](std::uint64_t rows) {
    return history.size() - static_cast<std::size_t>(std::min<std::uint64_t>(rows, history.size()));
  };
  if (data.what == Data::What::since_last) first = newest(labels_since);
  if (data.what == Data::What::recent && data.rows != 0) first = newest(data.rows);
  const bool by_time = data.what == Data::What::recent && data.span.count() != 0;
  for (std::size_t i = first; i < history.size(); ++i) {
    const Example example = history.at(i);
    if (!by_time || example.at >= now - data.span) visit(example);
  }
}

/// A retrained copy of `model` (or of `untrained`, for a fresh start), or nullopt when fewer than `policy.min_samples` rows are there.
/// `learned` is how many examples it learned. @pre model is bound
template <class History>
std::optional<AnyLearner> retrain(const AnyLearner& model, const AnyLearner& untrained, const Retrain& policy, const History& history,
                                  std::uint64_t labels_since, Time now, std::uint64_t& learned) {
  std::uint64_t rows = 0;
  for_rows(policy.on, history, labels_since, now, [&](const Example&) { ++rows; });
  if (rows < policy.min_samples) return std::nullopt;
  AnyLearner next = policy.start == Start::fresh ? untrained : model;
  if (policy.start == Start::fresh) next.bind(model.schema());
  std::vector<float> before(next.outputs());
  learned = rows * policy.passes;
  for (std::size_t pass = 0; pass < policy.passes; ++pass)
    for_rows(policy.on, history, labels_since, now,
             [&](const Example& example) { next.learn(example.x, example.y, example.weight, before, {.at = example.at}); });
  return next;
}

}  // namespace rtml
