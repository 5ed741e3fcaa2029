#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/drift/direction.hpp"
#include "rtml/drift/rules.hpp"

namespace rtml::drift {

/// Raises an alarm when the weighted mean since the best cut point is above (below) that before it, by more than McDiarmid's bound
/// allows. No distribution is assumed, but values in [0, 1]. Recent values weigh more, so gradual changes show soon.
///
/// After an alarm it starts afresh with the next value. O(1) time and memory; never allocates.
/// Source: I. Frias-Blanco et al., "Online and non-parametric drift detection methods based on Hoeffding's bounds", IEEE TKDE 27 (2015),
/// 810-823, W-test. `Rules::moa` looks for a fall only once a lower limit of the mean is above 0, starts afresh at a fall without saying
/// so, and takes values outside [0, 1], beginning again where a mean is negative.
class HddmW {
 public:
  struct Options {
    double drift = 0.001;                   ///< chance of a false alarm that the bound allows a value, in (0, 1)
    double warning = 0.005;                 ///< and of a false warning, in [drift, 1)
    double lambda = 0.05;                   ///< weight of the newest value, in (0, 1)
    Direction direction = Direction::both;  ///< which changes of the mean alarm
    Rules rules = Rules::paper;             ///< `moa` has no fall alone
  };

  HddmW() : HddmW(Options{}) {}

  /// @throws ConfigError
  explicit HddmW(const Options& options) : options_(options) {
    require("HddmW", "drift", options.drift, options.drift > 0.0 && options.drift < 1.0, "in (0, 1)");
    require("HddmW", "warning", options.warning, options.warning >= options.drift && options.warning < 1.0, "in [drift, 1)");
    require("HddmW", "lambda", options.lambda, options.lambda > 0.0 && options.lambda < 1.0, "in (0, 1)");
    require("HddmW", "direction", "fall", options.rules == Rules::paper || options.direction != Direction::fall,
            "rise or both with rules=moa");
    derive();
    restart();
  }

  Change update(double value) noexcept {
    if (!is_error(value, options_.rules)) return ++refused_, Change::none;
    ++count_;
    const double weights_before = all_.squares;
    add(all_, value);
    if (all_.squares != weights_before) bound_ = std::sqrt(all_.squares * log_drift_ / 2.0);  // soon it stands still
    Change change = Change::none;
    if (options_.direction != Direction::fall) {
      if (all_.mean + bound_ < rise_.limit) {
        rise_ = {all_.mean + bound_, all_, {}, count_};
      } else {
        add(rise_.after, value);
        change = judge(rise_, rise_.after.mean - rise_.before.mean);
        if (change == Change::drift) return alarm(rise_);
      }
    }
    if (options_.direction == Direction::rise) return change;
    if (all_.mean - bound_ > fall_.limit) {
      fall_ = {all_.mean - bound_, all_, {}, count_};
      return change;
    }
    add(fall_.after, value);
    const Change down = judge(fall_, fall_.before.mean - fall_.after.mean);
    if (options_.rules == Rules::paper) return down == Change::drift ? alarm(fall_) : std::max(change, down);
    if (down != Change::drift) return change;
    restart();
    return Change::none;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    restart();
    drift_age_ = 0;
  }

  /// Weighted mean since the last alarm; NaN before the first value.
  double mean() const noexcept { return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : all_.mean; }

  std::uint64_t refused() const noexcept { return refused_; }

  /// Values since the warning began that became the drift; 1 for a drift without warning.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("HddmW", 1);
    auto& options = self.options_;
    ar(options.drift, options.warning, options.lambda, options.direction, options.rules);
    ar(self.refused_, self.drift_age_, self.count_, self.all_.mean, self.all_.squares);
    for (auto* side : {&self.rise_, &self.fall_})
      ar(side->limit, side->before.mean, side->before.squares, side->after.mean, side->after.squares, side->from);
    ar.check(options.drift > 0.0 && options.drift < 1.0, "drift");
    ar.check(options.warning >= options.drift && options.warning < 1.0, "warning");
    ar.check(options.lambda > 0.0 && options.lambda < 1.0, "lambda");
    ar.check(options.direction <= Direction::fall, "direction");
    ar.check(options.rules == Rules::paper || (options.rules == Rules::moa && options.direction != Direction::fall), "rules");
    for (const Average* average : {&self.all_, &self.rise_.before, &self.rise_.after, &self.fall_.before, &self.fall_.after})
      ar.check(is_finite(average->mean) && average->squares >= 0.0 && average->squares <= 1.0, "average");
    ar.check(is_finite(self.rise_.limit) && is_finite(self.fall_.limit), "limits");
    ar.check(self.rise_.from <= self.count_ && self.fall_.from <= self.count_, "count");
    if constexpr (Ar::reading) {
      self.derive();
      self.bound_ = std::sqrt(self.all_.squares * self.log_drift_ / 2.0);
    }
  }

 private:
  static constexpr double unset = 0.25 * std::numeric_limits<double>::max();
  static constexpr double vanished = 1e-300;
  static constexpr double sure = 1e-12;  // relative, hundreds of times what rounding takes

  struct Average {
    double mean = -1.0;    // negative: of no value yet
    double squares = 0.0;  // sum of the squared weights
  };

  struct Side {
    double limit = 0.0;      // of the mean at the cut, with its bound
    Average before;          // at the cut
    Average after;           // since
    std::uint64_t from = 0;  // last count without a warning
  };

  void derive() noexcept {
    log_drift_ = std::log(1.0 / options_.drift);
    log_warning_ = std::log(1.0 / options_.warning);
    kept_ = 1.0 - options_.lambda;
  }

  void restart() noexcept {
    count_ = 0;
    all_ = {};
    bound_ = 0.0;
    rise_ = {unset, {}, {}, 0};
    fall_ = {options_.rules == Rules::moa ? 0.0 : -unset, {}, {}, 0};
  }

  void add(Average& average, double value) const noexcept {
    if (average.mean < 0.0) {
      average = {value, 1.0};
    } else {
      average.mean = options_.lambda * value + kept_ * average.mean;
      if (std::abs(average.mean) < vanished) average.mean = 0.0;  // subnormal numbers are slow, and would stay for good
      average.squares = options_.lambda * options_.lambda + kept_ * kept_ * average.squares;
    }
  }

  Change judge(Side& side, double gap) const noexcept {
    const double squares = side.before.squares + side.after.squares;
    // Most values are settled without the roots.
    const bool near = gap > 0.0 && gap * gap >= (1.0 - sure) * 0.5 * squares * log_warning_;
    if (near && side.before.mean >= 0.0 && side.after.mean >= 0.0) {
      if (gap > std::sqrt(squares * log_drift_ / 2.0)) return Change::drift;
      if (gap > std::sqrt(squares * log_warning_ / 2.0)) return Change::warning;
    }
    side.from = count_;
    return Change::none;
  }

  Change alarm(const Side& side) noexcept {
    drift_age_ = count_ - side.from;
    restart();
    return Change::drift;
  }

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t count_ = 0;
  double log_drift_ = 0.0;
  double log_warning_ = 0.0;
  double kept_ = 0.0;  // 1 - lambda
  double bound_ = 0.0;
  Average all_;
  Side rise_;
  Side fall_;
};

}  // namespace rtml::drift
