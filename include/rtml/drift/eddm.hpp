#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/drift/rules.hpp"

namespace rtml::drift {

/// Raises an alarm when errors come closer to each other than they did at best: feed 1 for a wrong prediction and 0 for a right one
/// (from 0.5 on it is wrong). Made for slow drifts; alarms falsely often.
///
/// A warning stands until the next error. After an alarm it starts afresh with the next value. O(1) time and memory, a root only where
/// there is an error; never allocates. Source: M. Baena-Garcia et al., "Early drift detection method", ECML PKDD workshop on knowledge
/// discovery from data streams 2006, section 3.2. `Rules::moa` takes the place of the first error as a distance too, notes the maximum
/// from the 30th value on instead of the `min_errors`-th error, and counts exactly 1 as an error, whatever else comes.
class Eddm {
 public:
  struct Options {
    double warning = 0.95;          ///< share of the largest mean + 2 deviations that warns (alpha), in (0, 1)
    double drift = 0.9;             ///< and that alarms (beta), in (0, warning]
    std::uint64_t min_errors = 30;  ///< errors before it judges, >= 2
    Rules rules = Rules::paper;
  };

  Eddm() : Eddm(Options{}) {}

  /// @throws ConfigError
  explicit Eddm(const Options& options) : options_(options) {
    require("Eddm", "warning", options.warning, options.warning > 0.0 && options.warning < 1.0, "in (0, 1)");
    require("Eddm", "drift", options.drift, options.drift > 0.0 && options.drift <= options.warning, "in (0, warning]");
    require("Eddm", "min_errors", options.min_errors, options.min_errors >= 2, ">= 2");
  }

  Change update(double value) noexcept {
    if (!is_error(value, options_.rules)) return ++refused_, Change::none;
    ++count_;
    if (options_.rules == Rules::moa ? value != 1.0 : value < 0.5) return zone_;
    const Change said = error();
    zone_ = said == Change::warning ? said : Change::none;
    return said;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    count_ = errors_ = last_error_ = warned_at_ = drift_age_ = 0;
    mean_ = squares_ = largest_ = 0.0;
    zone_ = Change::none;
  }

  /// Values from one error to the next since the last alarm, on the average; NaN before there are two.
  double mean_distance() const noexcept { return errors_ < 2 ? std::numeric_limits<double>::quiet_NaN() : mean_; }

  std::uint64_t refused() const noexcept { return refused_; }

  /// Values since the warning began that became the drift; 1 for a drift without warning.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Eddm", 1);
    auto& options = self.options_;
    ar(options.warning, options.drift, options.min_errors, options.rules);
    ar(self.refused_, self.drift_age_, self.count_, self.errors_, self.last_error_, self.warned_at_);
    ar(self.mean_, self.squares_, self.largest_, self.zone_);
    ar.check(options.warning > 0.0 && options.warning < 1.0, "warning");
    ar.check(options.drift > 0.0 && options.drift <= options.warning, "drift");
    ar.check(options.min_errors >= 2, "min_errors");
    ar.check(options.rules <= Rules::moa, "rules");
    ar.check(self.errors_ <= self.count_ && self.last_error_ <= self.count_ && self.warned_at_ <= self.count_, "count");
    ar.check(is_finite(self.mean_) && is_finite(self.squares_) && self.squares_ >= 0.0, "distances");
    ar.check(is_finite(self.largest_) && self.largest_ >= 0.0, "largest");
    ar.check(self.zone_ <= Change::warning, "zone");
  }

 private:
  Change error() noexcept {
    const auto distance = static_cast<double>(count_ - last_error_);
    const bool first = errors_ == 0;
    last_error_ = count_;
    ++errors_;
    const bool moa = options_.rules == Rules::moa;
    if (first && !moa) return Change::none;
    const auto distances = static_cast<double>(moa ? errors_ : errors_ - 1);
    const double before = mean_;
    mean_ += (distance - mean_) / distances;
    squares_ += (distance - mean_) * (distance - before);
    if (moa ? count_ < moa_min_values : errors_ < options_.min_errors) return Change::none;
    const double level = mean_ + 2.0 * std::sqrt(squares_ / distances);
    if (level > largest_) largest_ = level;
    const double share = level / largest_;
    if (share >= options_.warning || errors_ <= options_.min_errors) {
      warned_at_ = 0;
      return Change::none;
    }
    if (warned_at_ == 0) warned_at_ = count_;
    if (share >= options_.drift) return Change::warning;
    const std::uint64_t age = count_ - warned_at_ + 1;
    reset();
    drift_age_ = age;
    return Change::drift;
  }

  static constexpr std::uint64_t moa_min_values = 30;

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t last_error_ = 0;  // its count
  std::uint64_t warned_at_ = 0;   // count where the warning began; 0: none
  double mean_ = 0.0;             // of the distances (p'_i)
  double squares_ = 0.0;          // sum of their squared deviations
  double largest_ = 0.0;          // p'_max + 2 s'_max
  Change zone_ = Change::none;    // what stands until the next error
};

}  // namespace rtml::drift
