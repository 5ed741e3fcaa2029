#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/drift/direction.hpp"
#include "rtml/drift/rules.hpp"

namespace rtml::drift {

/// Raises an alarm when the mean of a stream has moved: the sum of deviations beyond a slack, never below zero, passes a threshold.
///
/// The mean is that of the stream since the last alarm, so a slow drift moves it along. Everything is in the unit of the stream:
/// standardise it, or set `delta` and `threshold` by it. After an alarm it starts afresh with the next value. O(1) time and memory;
/// never allocates. Source: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954), 100-115. `Rules::moa` knows a rise only,
/// judges one value earlier, and adds the value to the sum before it takes off the mean, which loses digits far from zero.
class Cusum {
 public:
  struct Options {
    double delta = 0.005;            ///< deviation from the mean that is tolerated (slack), >= 0
    double threshold = 50.0;         ///< alarm level (lambda), > 0
    std::uint64_t min_samples = 30;  ///< the first value that is judged
    Direction direction = Direction::both;
    Rules rules = Rules::paper;  ///< with `moa` both means rise, and there is no fall
  };

  Cusum() : Cusum(Options{}) {}

  /// @throws ConfigError
  explicit Cusum(const Options& options) : options_(options) {
    require("Cusum", "delta", options.delta, is_finite(options.delta) && options.delta >= 0.0, "finite and >= 0");
    require("Cusum", "threshold", options.threshold, is_finite(options.threshold) && options.threshold > 0.0, "finite and > 0");
    require("Cusum", "direction", "fall", options.rules == Rules::paper || options.direction != Direction::fall,
            "rise or both with rules=moa");
  }

  Change update(double value) noexcept {
    if (!is_usable(value)) return ++refused_, Change::none;
    ++count_;
    mean_ += (value - mean_) / static_cast<double>(count_);
    if (options_.rules == Rules::moa) {
      rise_ = std::max(0.0, rise_ + value - mean_ - options_.delta);
    } else {
      const double deviation = value - mean_;
      rise_ = std::max(0.0, rise_ + (deviation - options_.delta));
      fall_ = std::max(0.0, fall_ - (deviation + options_.delta));
    }
    if (rise_ == 0.0) rise_from_ = count_;
    if (fall_ == 0.0) fall_from_ = count_;
    const bool rose = rises();
    if (!rose && !falls()) return Change::none;
    const std::uint64_t age = count_ - (rose ? rise_from_ : fall_from_);
    reset();
    drift_age_ = age;
    return Change::drift;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    count_ = rise_from_ = fall_from_ = drift_age_ = 0;
    mean_ = rise_ = fall_ = 0.0;
  }

  /// Mean since the last alarm; NaN before the first value.
  double mean() const noexcept { return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : mean_; }

  std::uint64_t refused() const noexcept { return refused_; }

  /// Values since the sum was zero.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Cusum", 1);
    auto& options = self.options_;
    ar(options.delta, options.threshold, options.min_samples, options.direction, options.rules);
    ar(self.refused_, self.drift_age_, self.count_, self.rise_from_, self.fall_from_, self.mean_, self.rise_, self.fall_);
    ar.check(is_finite(options.delta) && options.delta >= 0.0, "delta");
    ar.check(is_finite(options.threshold) && options.threshold > 0.0, "threshold");
    ar.check(options.direction <= Direction::fall, "direction");
    ar.check(options.rules == Rules::paper || (options.rules == Rules::moa && options.direction != Direction::fall), "rules");
    ar.check(self.rise_from_ <= self.count_ && self.fall_from_ <= self.count_, "count");
    ar.check(is_finite(self.mean_), "mean");
    ar.check(is_finite(self.rise_) && self.rise_ >= 0.0 && is_finite(self.fall_) && self.fall_ >= 0.0, "sums");
  }

 private:
  bool rises() const noexcept {
    const std::uint64_t seen = options_.rules == Rules::moa ? count_ + 1 : count_;
    return rise_ > options_.threshold && seen >= options_.min_samples && options_.direction != Direction::fall;
  }

  bool falls() const noexcept {
    return fall_ > options_.threshold && count_ >= options_.min_samples && options_.direction != Direction::rise;
  }

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t rise_from_ = 0;  // last count at which the sum was zero
  std::uint64_t fall_from_ = 0;
  double mean_ = 0.0;
  double rise_ = 0.0;
  double fall_ = 0.0;
};

}  // namespace rtml::drift
