#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"

namespace rtml::drift {

/// Raises an alarm when an error rate has risen well above the lowest it has been: feed 1 for a wrong prediction and 0 for a right one.
///
/// The rate's standard deviation is taken as binomial, so values must lie in [0, 1]; while their mean does not, nothing is judged.
/// After an alarm it starts afresh with the next value. O(1) time and memory; never allocates.
/// Source: J. Gama, P. Medas, G. Castillo, P. Rodrigues, "Learning with drift detection", SBIA 2004, section 3; alarms on the values
/// that MOA's DDM alarms on, which begins to judge one value earlier (the 29th) than river's.
class Ddm {
 public:
  struct Options {
    double warning = 2.0;            ///< standard deviations above the lowest rate that warn, > 0
    double drift = 3.0;              ///< standard deviations above the lowest rate that alarm, >= warning
    std::uint64_t min_samples = 30;  ///< values before it judges, >= 2; the first of them counts as the second, as in MOA
  };

  Ddm() : Ddm(Options{}) {}

  /// @throws ConfigError
  explicit Ddm(const Options& options) : options_(options) {
    require("Ddm", "warning", options.warning, is_finite(options.warning) && options.warning > 0.0, "finite and > 0");
    require("Ddm", "drift", options.drift, is_finite(options.drift) && options.drift >= options.warning, "finite and >= warning");
    require("Ddm", "min_samples", options.min_samples, options.min_samples >= 2, ">= 2");
  }

  Change update(double value) noexcept {
    if (!is_usable(value)) return ++refused_, Change::none;
    rate_ += (value - rate_) / static_cast<double>(next_);
    const double variance = rate_ * (1.0 - rate_) / static_cast<double>(next_);
    ++next_;
    if (next_ < options_.min_samples || variance < 0.0) return Change::none;
    const double deviation = std::sqrt(variance);
    const double level = rate_ + deviation;
    if (level <= lowest_rate_ + lowest_deviation_) lowest_rate_ = rate_, lowest_deviation_ = deviation;
    if (next_ > options_.min_samples && level > lowest_rate_ + options_.drift * lowest_deviation_) {
      reset();
      return Change::drift;
    }
    return level > lowest_rate_ + options_.warning * lowest_deviation_ ? Change::warning : Change::none;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    next_ = 1;
    rate_ = 1.0;
    lowest_rate_ = lowest_deviation_ = unset;
  }

  /// Mean since the last alarm; NaN before the first value.
  double mean() const noexcept { return next_ == 1 ? std::numeric_limits<double>::quiet_NaN() : rate_; }

  std::uint64_t refused() const noexcept { return refused_; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Ddm", 1);
    ar(self.options_.warning, self.options_.drift, self.options_.min_samples);
    ar(self.refused_, self.next_, self.rate_, self.lowest_rate_, self.lowest_deviation_);
    ar.check(is_finite(self.options_.warning) && self.options_.warning > 0.0, "warning");
    ar.check(is_finite(self.options_.drift) && self.options_.drift >= self.options_.warning, "drift");
    ar.check(self.options_.min_samples >= 2, "min_samples");
    ar.check(self.next_ >= 1, "count");
    ar.check(is_finite(self.rate_), "rate");
    ar.check(is_finite(self.lowest_rate_) && is_finite(self.lowest_deviation_) && self.lowest_deviation_ >= 0.0, "lowest rate");
  }

 private:
  static constexpr double unset = 0.25 * std::numeric_limits<double>::max();  // above any level, and twice it is still finite

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t next_ = 1;           // index of the next value (i in the paper)
  double rate_ = 1.0;                // p_i
  double lowest_rate_ = unset;       // p_min
  double lowest_deviation_ = unset;  // s_min
};

}  // namespace rtml::drift
