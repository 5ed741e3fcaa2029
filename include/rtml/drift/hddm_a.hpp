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

/// Raises an alarm when the mean since the start is above (below) the mean up to the best cut point, by more than Hoeffding's bound
/// allows. No distribution is assumed, but values in [0, 1]. Best at abrupt changes; HddmW sees gradual ones sooner.
///
/// After an alarm it starts afresh with the next value. O(1) time and memory; never allocates.
/// Source: I. Frias-Blanco et al., "Online and non-parametric drift detection methods based on Hoeffding's bounds", IEEE TKDE 27 (2015),
/// 810-823, A-test. `Rules::moa` starts afresh at a fall without saying so, and takes values outside [0, 1].
class HddmA {
 public:
  struct Options {
    double drift = 0.001;                   ///< chance of a false alarm that the bound allows a value, in (0, 1)
    double warning = 0.005;                 ///< and of a false warning, in [drift, 1)
    Direction direction = Direction::both;  ///< which changes of the mean alarm
    Rules rules = Rules::paper;             ///< `moa` has no fall alone
  };

  HddmA() : HddmA(Options{}) {}

  /// @throws ConfigError
  explicit HddmA(const Options& options) : options_(options) {
    require("HddmA", "drift", options.drift, options.drift > 0.0 && options.drift < 1.0, "in (0, 1)");
    require("HddmA", "warning", options.warning, options.warning >= options.drift && options.warning < 1.0, "in [drift, 1)");
    require("HddmA", "direction", "fall", options.rules == Rules::paper || options.direction != Direction::fall,
            "rise or both with rules=moa");
    take_logarithms();
  }

  Change update(double value) noexcept {
    if (!is_error(value, options_.rules)) return ++refused_, Change::none;
    now_.n += 1.0;
    now_.total += value;
    move_cuts();
    Change change = Change::none;
    if (options_.direction != Direction::fall) change = judge(lowest_, now_.mean() - lowest_.mean);
    if (change == Change::drift) return alarm(calm_before_rise_);
    if (change == Change::none) calm_before_rise_ = now_.n;
    if (options_.direction == Direction::rise) return change;
    const Change down = judge(highest_, highest_.mean - now_.mean());
    if (down == Change::drift) {
      if (options_.rules == Rules::paper) return alarm(calm_before_fall_);
      restart();
      return change;
    }
    if (down == Change::none) calm_before_fall_ = now_.n;
    return options_.rules == Rules::paper ? std::max(change, down) : change;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    restart();
    drift_age_ = 0;
  }

  /// Mean since the last alarm; NaN before the first value.
  double mean() const noexcept { return now_.n == 0.0 ? std::numeric_limits<double>::quiet_NaN() : now_.mean(); }

  std::uint64_t refused() const noexcept { return refused_; }

  /// Values since the warning began that became the drift; 1 for a drift without warning.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("HddmA", 1);
    auto& options = self.options_;
    ar(options.drift, options.warning, options.direction, options.rules);
    ar(self.refused_, self.drift_age_, self.now_.n, self.now_.total);
    ar(self.lowest_.n, self.lowest_.total, self.highest_.n, self.highest_.total, self.calm_before_rise_, self.calm_before_fall_);
    ar.check(options.drift > 0.0 && options.drift < 1.0, "drift");
    ar.check(options.warning >= options.drift && options.warning < 1.0, "warning");
    ar.check(options.direction <= Direction::fall, "direction");
    ar.check(options.rules == Rules::paper || (options.rules == Rules::moa && options.direction != Direction::fall), "rules");
    ar.check(self.now_.n >= 0.0 && self.now_.n <= most_values && is_finite(self.now_.total), "sum");
    for (const Cut* cut : {&self.lowest_, &self.highest_})
      ar.check(cut->n >= 0.0 && cut->n <= self.now_.n && is_finite(cut->total), "cut point");
    ar.check(self.calm_before_rise_ >= 0.0 && self.calm_before_rise_ <= self.now_.n, "warning");
    ar.check(self.calm_before_fall_ >= 0.0 && self.calm_before_fall_ <= self.now_.n, "warning");
    if constexpr (Ar::reading) {
      self.take_logarithms();
      self.lowest_ = self.cut_at({self.lowest_.n, self.lowest_.total}, 1.0);
      self.highest_ = self.cut_at({self.highest_.n, self.highest_.total}, -1.0);
    }
  }

 private:
  static constexpr double most_values = 0x1p53;
  static constexpr double sure = 1e-12;  // relative, hundreds of times what rounding takes

  struct Sum {
    double n = 0.0;
    double total = 0.0;
    double mean() const noexcept { return total / n; }
  };

  struct Cut {
    double n = 0.0;  // 0: none yet
    double total = 0.0;
    double mean = 0.0;
    double limit = 0.0;  // mean + bound for the lowest, mean - bound for the highest
  };

  void take_logarithms() noexcept {
    log_cut_ = std::log(1.0 / options_.drift);
    log_drift_ = std::log(2.0 / options_.drift);
    log_warning_ = std::log(2.0 / options_.warning);
  }

  void restart() noexcept {
    now_ = {};
    lowest_ = highest_ = {};
    calm_before_rise_ = calm_before_fall_ = 0.0;
  }

  double bound(double n) const noexcept { return std::sqrt(1.0 / (2.0 * n) * log_cut_); }

  Cut cut_at(Sum sum, double sign) const noexcept {
    if (sum.n == 0.0) return {};
    return {sum.n, sum.total, sum.mean(), sum.mean() + sign * bound(sum.n)};
  }

  /// A cut moves to the present where mean + bound is lowest, mean - bound highest.
  void move_cuts() noexcept {
    const double mean = now_.mean();
    const double square = log_cut_ / (2.0 * now_.n);  // of the bound of all values
    const double below = lowest_.limit - mean;
    const double above = mean - highest_.limit;
    const double near = sure * (std::abs(mean) + std::abs(lowest_.limit) + std::abs(highest_.limit));
    if (lowest_.n == 0.0 || (reaches(below, square, near) && lowest_.limit >= mean + bound(now_.n))) lowest_ = cut_at(now_, 1.0);
    if (highest_.n == 0.0 || (reaches(above, square, near) && highest_.limit <= mean - bound(now_.n))) highest_ = cut_at(now_, -1.0);
  }

  /// False when `gap` is surely less than the root of `square`: most values are settled without the root.
  static bool reaches(double gap, double square, double near) noexcept {
    const double most = gap + near;
    return most > 0.0 && most * most >= (1.0 - sure) * square;
  }

  /// What the distance between the means of all values and of those up to the cut says.
  Change judge(const Cut& cut, double gap) const noexcept {
    const double since = now_.n - cut.n;
    const double square = since * log_warning_;
    if (gap < 0.0 || gap * gap * (2.0 * cut.n * now_.n) < (1.0 - sure) * square || since == 0.0) return Change::none;
    const double m = since / cut.n * (1.0 / now_.n);
    if (gap >= std::sqrt(m / 2.0 * log_drift_)) return Change::drift;
    return gap >= std::sqrt(m / 2.0 * log_warning_) ? Change::warning : Change::none;
  }

  Change alarm(double calm) noexcept {
    drift_age_ = static_cast<std::uint64_t>(now_.n - calm);
    restart();
    return Change::drift;
  }

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  double log_cut_ = 0.0;
  double log_drift_ = 0.0;
  double log_warning_ = 0.0;
  Sum now_;
  Cut lowest_;                     // n_min, c_min
  Cut highest_;                    // n_max, c_max
  double calm_before_rise_ = 0.0;  // the last value that gave no warning
  double calm_before_fall_ = 0.0;
};

}  // namespace rtml::drift
