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

/// Raises an alarm when the mean of a stream has moved: the sum of deviations beyond a tolerance leaves its lowest (highest) point.
///
/// Everything is in the unit of the stream: standardise it, or set `delta` and `threshold` by it. The defaults are the field's: on a
/// standard normal they alarm falsely once in about 1,600 values, on a 0/1 stream of rate 0.2 once in about 16,000 (both directions).
/// After an alarm it starts afresh with the next value. O(1) time and memory; never allocates.
/// Source: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954), 100-115; with forgetting as in MOA and river.
/// `Rules::moa` judges the sum itself instead of its distance from the extreme, for a rise only, from one value earlier on.
class PageHinkley {
 public:
  struct Options {
    double delta = 0.005;            ///< deviation from the mean that is tolerated, >= 0
    double threshold = 50.0;         ///< alarm level (lambda), > 0
    double forgetting = 0.9999;      ///< weight of the past per value, in (0, 1]
    std::uint64_t min_samples = 30;  ///< values before it judges
    Direction direction = Direction::both;
    Rules rules = Rules::paper;  ///< with `moa` both means rise, and there is no fall
  };

  PageHinkley() : PageHinkley(Options{}) {}

  /// @throws ConfigError
  explicit PageHinkley(const Options& options) : options_(options) {
    require("PageHinkley", "delta", options.delta, is_finite(options.delta) && options.delta >= 0.0, "finite and >= 0");
    require("PageHinkley", "threshold", options.threshold, is_finite(options.threshold) && options.threshold > 0.0, "finite and > 0");
    require("PageHinkley", "forgetting", options.forgetting, options.forgetting > 0.0 && options.forgetting <= 1.0, "in (0, 1]");
    require("PageHinkley", "direction", "fall", options.rules == Rules::paper || options.direction != Direction::fall,
            "rise or both with rules=moa");
  }

  Change update(double value) noexcept {
    if (!is_usable(value)) return ++refused_, Change::none;
    ++count_;
    mean_ += (value - mean_) / static_cast<double>(count_);
    const double deviation = value - mean_;
    rise_ = options_.forgetting * rise_ + (deviation - options_.delta);
    fall_ = options_.forgetting * fall_ + (deviation + options_.delta);
    if (rise_ <= lowest_) lowest_ = rise_, lowest_at_ = count_;
    if (fall_ >= highest_) highest_ = fall_, highest_at_ = count_;
    const bool rose = rises();
    if (!rose && !falls()) return Change::none;
    const std::uint64_t age = count_ - (rose ? lowest_at_ : highest_at_);
    reset();
    drift_age_ = std::max<std::uint64_t>(age, 1);
    return Change::drift;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    count_ = lowest_at_ = highest_at_ = drift_age_ = 0;
    mean_ = rise_ = fall_ = 0.0;
    lowest_ = unset;
    highest_ = -unset;
  }

  /// Mean since the last alarm; NaN before the first value.
  double mean() const noexcept { return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : mean_; }

  std::uint64_t refused() const noexcept { return refused_; }

  /// Values since the sum was at its extreme.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("PageHinkley", 1);
    auto& options = self.options_;
    ar(options.delta, options.threshold, options.forgetting, options.min_samples, options.direction, options.rules);
    ar(self.refused_, self.drift_age_, self.count_, self.lowest_at_, self.highest_at_);
    ar(self.mean_, self.rise_, self.fall_, self.lowest_, self.highest_);
    ar.check(is_finite(options.delta) && options.delta >= 0.0, "delta");
    ar.check(is_finite(options.threshold) && options.threshold > 0.0, "threshold");
    ar.check(options.forgetting > 0.0 && options.forgetting <= 1.0, "forgetting");
    ar.check(options.direction <= Direction::fall, "direction");
    ar.check(options.rules == Rules::paper || (options.rules == Rules::moa && options.direction != Direction::fall), "rules");
    ar.check(self.lowest_at_ <= self.count_ && self.highest_at_ <= self.count_, "count");
    ar.check(is_finite(self.mean_) && is_finite(self.rise_) && is_finite(self.fall_), "sums");
    ar.check(is_finite(self.lowest_) && is_finite(self.highest_), "extremes");
  }

 private:
  static constexpr double unset = 0.25 * std::numeric_limits<double>::max();

  bool rises() const noexcept {
    if (options_.rules == Rules::moa) return count_ + 1 >= options_.min_samples && rise_ > options_.threshold;
    return count_ >= options_.min_samples && options_.direction != Direction::fall && rise_ - lowest_ > options_.threshold;
  }

  bool falls() const noexcept {
    return options_.rules == Rules::paper && count_ >= options_.min_samples && options_.direction != Direction::rise &&
           highest_ - fall_ > options_.threshold;
  }

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t lowest_at_ = 0;   // value of the minimum
  std::uint64_t highest_at_ = 0;  // and of the maximum
  double mean_ = 0.0;
  double rise_ = 0.0;      // discounted sum of deviations beyond +delta (m_t)
  double fall_ = 0.0;      // and beyond -delta
  double lowest_ = unset;  // of rise_ (M_t)
  double highest_ = -unset;
};

}  // namespace rtml::drift
