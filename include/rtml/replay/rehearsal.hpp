#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/replay/replay_buffer.hpp"

namespace rtml {

/// When old examples are learned again, and how many: at first none, then a ratio of them, another one for a while after a drift.
struct RehearsalSchedule {
  std::uint64_t warmup = 0;  ///< new examples before the first old one is due
  std::uint64_t every = 1;   ///< old ones come behind each every-th new one, so many that the ratio is kept; in [1, 1e6]
  double drift_ratio = 0.0;  ///< in place of the ratio after Rehearser::drifted(), in [0, 1000]: above it against forgetting, below it to
                             ///< get used to the new faster
  std::uint64_t drift_rows = 0;  ///< for so many new examples; 0 = a drift changes nothing
};

/// Which old examples are learned again beside the new ones, against forgetting: `.rehearse = reservoir(50'000)`, or
/// `{class_balanced(10'000), 0.5}`. Empty: none.
struct Rehearsal {
  Rehearsal() = default;
  Rehearsal(ReplayBuffer buffer_, double ratio_ = 1.0, std::uint64_t seed_ = 0,  // NOLINT(google-explicit-constructor): see above
            RehearsalSchedule schedule_ = {})
      : buffer(std::move(buffer_)), ratio(ratio_), seed(seed_), schedule(schedule_) {}

  ReplayBuffer buffer;
  double ratio = 1.0;      ///< old examples learned again for each new one, on average; in [0, 1000]
  std::uint64_t seed = 0;  ///< of which ones
  RehearsalSchedule schedule;
};

/// A Rehearsal at work: decides when an old example is due and which.
///
/// Allocates in bind() only. A value; its archive holds no options.
class Rehearser {
 public:
  Rehearser() : Rehearser(Rehearsal{}) {}

  /// @throws ConfigError
  explicit Rehearser(Rehearsal options)
      : buffer_(std::move(options.buffer)), ratio_(options.ratio), schedule_(options.schedule), rng_(options.seed) {
    const auto is_ratio = [](double value) { return is_finite(value) && value >= 0.0 && value <= most; };
    require("Rehearsal", "ratio", ratio_, is_ratio(ratio_), "in [0, 1000]");
    require("Rehearsal", "every", schedule_.every, schedule_.every >= 1 && schedule_.every <= 1'000'000, "in [1, 1000000]");
    require("Rehearsal", "drift_ratio", schedule_.drift_ratio, is_ratio(schedule_.drift_ratio), "in [0, 1000]");
  }

  void bind(const Schema& schema, std::size_t sparse = 0) { buffer_.bind(schema, sparse); }

  /// Call it after `fresh` was learned; `loss` is that of the prediction before (prediction_loss), NaN when it is not known. Passes what is
  /// due from the buffer to `learn(const Example&)`, which answers the loss before it learned, then stores `fresh`. Without a whole number
  /// for a ratio the remainder is carried over: 0.25 is every fourth time. What is due while nothing is stored is dropped.
  template <std::invocable<const Example&> Learn>
  void after(const Example& fresh, float loss, Learn&& learn) noexcept {
    if (!buffer_) return;
    double ratio = ratio_;
    if (drifting_ > 0) {
      --drifting_;
      ratio = schedule_.drift_ratio;
    }
    if (++fresh_ > schedule_.warmup) owed_ += ratio;
    for (; owed_ >= 1.0 && fresh_ % schedule_.every == 0; owed_ -= 1.0) {
      if (buffer_.size() == 0) continue;
      const std::size_t i = buffer_.draw(rng_);
      Example old = buffer_.at(i);
      old.weight = std::min(old.weight * buffer_.importance(i), largest_magnitude);  // else a learner refused what it once took
      buffer_.update(i, learn(static_cast<const Example&>(old)));
      ++replayed_;
    }
    buffer_.add(fresh.x, fresh.y, fresh.weight, fresh.at, loss);
  }

  /// The stream changed: the schedule's drift_ratio holds for the next drift_rows.
  void drifted() noexcept { drifting_ = schedule_.drift_rows; }

  const ReplayBuffer& buffer() const noexcept { return buffer_; }
  double ratio() const noexcept { return ratio_; }

  /// Old examples that were learned again.
  std::uint64_t replayed() const noexcept { return replayed_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) - sizeof(buffer_) + buffer_.memory_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::uint32_t version = ar.header("Rehearser", 2);
    ar(self.buffer_);
    if (version == 1) {
      double ratio = 0.0;  // an option
      ar(ratio);
    }
    ar(self.owed_, self.rng_, self.replayed_);
    if (version >= 2) ar(self.fresh_, self.drifting_);
    // What an earlier schedule left to do is done under this one, up to a limit.
    ar.check(is_finite(self.owed_) && self.owed_ >= 0.0 && self.owed_ < most * 1e6 + 1.0, "replays that are owed");
    if constexpr (Ar::reading) {
      self.owed_ = std::min(self.owed_, most * static_cast<double>(self.schedule_.every));
      self.drifting_ = std::min(self.drifting_, self.schedule_.drift_rows);
    }
  }

 private:
  static constexpr double most = 1000.0;

  ReplayBuffer buffer_;
  double ratio_;
  RehearsalSchedule schedule_;
  double owed_ = 0.0;
  Rng rng_;
  std::uint64_t replayed_ = 0;
  std::uint64_t fresh_ = 0;     // examples that came
  std::uint64_t drifting_ = 0;  // of which so many more have the ratio of a drift
};

}  // namespace rtml
