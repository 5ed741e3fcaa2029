#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/drift/rules.hpp"

namespace rtml::drift {

/// Ddm that stays sensitive in a long stable stretch: it forgets what is old, keeps what came since the warning when it alarms, and does
/// not wait for ever in the warning zone. Feed 1 for a wrong prediction and 0 for a right one.
///
/// Values must lie in [0, 1]. O(1) a value; O(`stable`) when a concept is older than `longest` or has changed. Keeps the last `stable`
/// values, 4 bytes each, allocated at construction. Source: R. S. M. Barros, D. R. L. Cabral, P. M. Goncalves Jr., S. G. T. C. Santos,
/// "RDDM: reactive drift detection method", Expert Systems with Applications 90 (2017), 344-355, algorithm 1. `Rules::moa` takes values
/// outside [0, 1], keeps them as whole bytes, and judges nothing while their mean is outside.
class Rddm {
 public:
  struct Options {
    double warning = 1.773;           ///< standard deviations above the lowest rate that warn, > 0
    double drift = 2.258;             ///< and that alarm, >= warning
    std::uint64_t min_samples = 129;  ///< the first value that is judged, >= 2
    std::uint64_t longest = 40000;    ///< values of one concept, after which it is shortened, > stable
    std::uint64_t stable = 7000;      ///< values that are then kept, in [1, 1e6]
    std::uint64_t patience = 1400;    ///< values in the warning zone that are an alarm, >= 1
    Rules rules = Rules::paper;
  };

  Rddm() : Rddm(Options{}) {}

  /// @throws ConfigError
  explicit Rddm(const Options& options) : options_(options) {
    require("Rddm", "warning", options.warning, is_finite(options.warning) && options.warning > 0.0, "finite and > 0");
    require("Rddm", "drift", options.drift, is_finite(options.drift) && options.drift >= options.warning, "finite and >= warning");
    require("Rddm", "min_samples", options.min_samples, options.min_samples >= 2, ">= 2");
    require("Rddm", "stable", options.stable, options.stable >= 1 && options.stable <= most_kept, "in [1, 1e6]");
    require("Rddm", "longest", options.longest, options.longest > options.stable, "> stable");
    require("Rddm", "patience", options.patience, options.patience >= 1, ">= 1");
    kept_.resize(static_cast<std::size_t>(options.stable));
  }

  Change update(double value) noexcept {
    if (!is_error(value, options_.rules)) return ++refused_, Change::none;
    keep(value);
    if (warned_for_ != 0) ++warned_for_;
    const double variance = take(value);
    if (count_ < options_.min_samples) return Change::none;
    note_lowest(variance);
    // A variance below zero (a mean outside [0, 1], which only Rules::moa meets) is above no level.
    const double level = variance < 0.0 ? -1.0 : rate_ + std::sqrt(variance);
    if (level > lowest_rate_ + options_.drift * lowest_deviation_) return alarm(warned_for_, warned_for_);
    if (level > lowest_rate_ + options_.warning * lowest_deviation_) {
      if (warned_for_ > options_.patience) return alarm(warned_for_, 1);
      if (warned_for_ == 0) warned_for_ = 1;
      return Change::warning;
    }
    warned_for_ = 0;
    if (count_ >= options_.longest) take_again(stored_, false);
    return Change::none;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    count_ = stored_ = last_ = warned_for_ = drift_age_ = 0;
    rate_ = 1.0;
    lowest_rate_ = lowest_deviation_ = unset;
  }

  /// Error rate of the concept; NaN before the first value.
  double mean() const noexcept { return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : rate_; }

  std::uint64_t refused() const noexcept { return refused_; }

  /// Values since the warning began that became the drift; 1 for a drift without warning.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + kept_.capacity() * sizeof(float); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Rddm", 1);
    auto& options = self.options_;
    ar(options.warning, options.drift, options.min_samples, options.longest, options.stable, options.patience, options.rules);
    ar(self.refused_, self.drift_age_, self.count_, self.warned_for_, self.stored_, self.last_);
    ar(self.rate_, self.lowest_rate_, self.lowest_deviation_, self.kept_);
    ar.check(is_finite(options.warning) && options.warning > 0.0, "warning");
    ar.check(is_finite(options.drift) && options.drift >= options.warning, "drift");
    ar.check(options.min_samples >= 2, "min_samples");
    ar.check(options.stable >= 1 && options.stable <= most_kept, "stable");
    ar.check(options.longest > options.stable, "longest");
    ar.check(options.patience >= 1, "patience");
    ar.check(options.rules <= Rules::moa, "rules");
    ar.check(self.kept_.size() == options.stable && self.stored_ <= options.stable && self.last_ < options.stable, "kept values");
    ar.check(is_finite(self.rate_), "rate");
    ar.check(is_finite(self.lowest_rate_) && is_finite(self.lowest_deviation_) && self.lowest_deviation_ >= 0.0, "lowest rate");
    for (const float value : self.kept_) ar.check(is_usable(value), "kept value");
  }

 private:
  static constexpr double unset = 0.25 * std::numeric_limits<double>::max();  // above any level, and twice it is still finite
  static constexpr std::uint64_t most_kept = 1'000'000;

  void keep(double value) noexcept {
    last_ = last_ + 1 == options_.stable || stored_ == 0 ? 0 : last_ + 1;
    kept_[static_cast<std::size_t>(last_)] = static_cast<float>(options_.rules == Rules::moa ? moa_byte(value) : value);
    if (stored_ < options_.stable) ++stored_;
  }

  /// Returns the square of the rate's deviation.
  double take(double value) noexcept {
    const auto n = static_cast<double>(++count_);
    rate_ += (value - rate_) / n;
    return rate_ * (1.0 - rate_) / n;
  }

  void note_lowest(double variance) noexcept {
    if (variance < 0.0) return;
    const double deviation = std::sqrt(variance);
    if (rate_ + deviation < lowest_rate_ + lowest_deviation_) lowest_rate_ = rate_, lowest_deviation_ = deviation;
  }

  /// Keeps the last `kept` values, at least the one that alarms.
  Change alarm(std::uint64_t age, std::uint64_t kept) noexcept {
    drift_age_ = std::max<std::uint64_t>(age, 1);
    lowest_rate_ = lowest_deviation_ = unset;
    take_again(std::clamp<std::uint64_t>(kept, 1, options_.stable), true);
    warned_for_ = 0;
    return Change::drift;
  }

  /// The concept is the last `count` values, and nothing before.
  void take_again(std::uint64_t count, bool look_for_lowest) noexcept {
    stored_ = std::min(count, stored_);
    count_ = 0;
    rate_ = 1.0;
    std::uint64_t at = last_ + 1 >= stored_ ? last_ + 1 - stored_ : last_ + 1 + options_.stable - stored_;
    for (std::uint64_t i = 0; i < stored_; ++i) {
      const double variance = take(static_cast<double>(kept_[static_cast<std::size_t>(at)]));
      if (look_for_lowest && count_ > options_.min_samples) note_lowest(variance);
      at = at + 1 == options_.stable ? 0 : at + 1;
    }
  }

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t count_ = 0;       // values of the concept
  std::uint64_t warned_for_ = 0;  // values since the warning began, with the one that began it; 0: none
  std::uint64_t stored_ = 0;      // how many of kept_ are the concept's
  std::uint64_t last_ = 0;        // place of the newest in kept_
  double rate_ = 1.0;             // p_i; the first value takes its place
  double lowest_rate_ = unset;
  double lowest_deviation_ = unset;
  std::vector<float> kept_;
};

}  // namespace rtml::drift
