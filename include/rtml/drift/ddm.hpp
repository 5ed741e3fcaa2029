#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/drift/rules.hpp"

namespace rtml::drift {

/// Raises an alarm when an error rate has risen well above the lowest it has been: feed 1 for a wrong prediction and 0 for a right one.
///
/// The rate's standard deviation is taken as binomial, so values must lie in [0, 1]. A stream that begins with right predictions only
/// has a lowest rate of 0, and its first error is an alarm. After an alarm it starts afresh with the next value. O(1) time and memory;
/// never allocates. Source: J. Gama, P. Medas, G. Castillo, P. Rodrigues, "Learning with drift detection", SBIA 2004, section 3.
/// `Rules::moa` looks for the lowest rate from the value before the `min_samples`-th on, takes values outside [0, 1], and judges
/// nothing while their mean is outside.
class Ddm {
 public:
  struct Options {
    double warning = 2.0;            ///< standard deviations above the lowest rate that warn, > 0
    double drift = 3.0;              ///< standard deviations above the lowest rate that alarm, >= warning
    std::uint64_t min_samples = 30;  ///< the first value that is judged, >= 2
    Rules rules = Rules::paper;
  };

  Ddm() : Ddm(Options{}) {}

  /// @throws ConfigError
  explicit Ddm(const Options& options) : options_(options) {
    require("Ddm", "warning", options.warning, is_finite(options.warning) && options.warning > 0.0, "finite and > 0");
    require("Ddm", "drift", options.drift, is_finite(options.drift) && options.drift >= options.warning, "finite and >= warning");
    require("Ddm", "min_samples", options.min_samples, options.min_samples >= 2, ">= 2");
  }

  Change update(double value) noexcept {
    if (!is_error(value, options_.rules)) return ++refused_, Change::none;
    ++count_;
    rate_ += (value - rate_) / static_cast<double>(count_);
    const double variance = rate_ * (1.0 - rate_) / static_cast<double>(count_);
    if (count_ < first_judged() || variance < 0.0) return Change::none;
    const double deviation = std::sqrt(variance);
    const double level = rate_ + deviation;
    if (level <= lowest_rate_ + lowest_deviation_) lowest_rate_ = rate_, lowest_deviation_ = deviation;
    if (level <= lowest_rate_ + options_.warning * lowest_deviation_) {
      warned_at_ = 0;
      return Change::none;
    }
    if (warned_at_ == 0) warned_at_ = count_;
    if (count_ < options_.min_samples || level <= lowest_rate_ + options_.drift * lowest_deviation_) return Change::warning;
    const std::uint64_t age = count_ - warned_at_ + 1;
    reset();
    drift_age_ = age;
    return Change::drift;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    count_ = warned_at_ = drift_age_ = 0;
    rate_ = 1.0;
    lowest_rate_ = lowest_deviation_ = unset;
  }

  /// Mean since the last alarm; NaN before the first value.
  double mean() const noexcept { return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : rate_; }

  std::uint64_t refused() const noexcept { return refused_; }

  /// Values since the warning began that became the drift (k_w in the paper); 1 for a drift without warning.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Ddm", 1);
    ar(self.options_.warning, self.options_.drift, self.options_.min_samples, self.options_.rules);
    ar(self.refused_, self.drift_age_, self.count_, self.warned_at_, self.rate_, self.lowest_rate_, self.lowest_deviation_);
    ar.check(is_finite(self.options_.warning) && self.options_.warning > 0.0, "warning");
    ar.check(is_finite(self.options_.drift) && self.options_.drift >= self.options_.warning, "drift");
    ar.check(self.options_.min_samples >= 2, "min_samples");
    ar.check(self.options_.rules <= Rules::moa, "rules");
    ar.check(self.warned_at_ <= self.count_, "count");
    ar.check(is_finite(self.rate_), "rate");
    ar.check(is_finite(self.lowest_rate_) && is_finite(self.lowest_deviation_) && self.lowest_deviation_ >= 0.0, "lowest rate");
  }

 private:
  static constexpr double unset = 0.25 * std::numeric_limits<double>::max();  // above any level, and twice it is still finite

  std::uint64_t first_judged() const noexcept { return options_.rules == Rules::moa ? options_.min_samples - 1 : options_.min_samples; }

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t count_ = 0;          // i in the paper
  std::uint64_t warned_at_ = 0;      // i where the warning began; 0: none
  double rate_ = 1.0;                // p_i; the first value takes its place
  double lowest_rate_ = unset;       // p_min
  double lowest_deviation_ = unset;  // s_min
};

}  // namespace rtml::drift
