#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/drift/rules.hpp"

namespace rtml::drift {

/// EWMA chart for an error rate: raises an alarm when the exponentially weighted mean of the last values is above the mean of all, by
/// control limits that were fitted to one false alarm in 400 values. Feed 1 for a wrong prediction and 0 for a right one.
///
/// The limits are a polynomial of the error rate, fitted for `lambda` = 0.2 only; with another one the run length is another. After an
/// alarm it starts afresh with the next value. O(1) time and memory; never allocates.
/// Source: G. J. Ross, N. M. Adams, D. K. Tasoulis, D. J. Hand, "Exponentially weighted moving average charts for detecting concept
/// drift", Pattern Recognition Letters 33 (2012), 191-198, table 1. `Rules::moa` may warn one value before `min_samples`, takes values
/// outside [0, 1], and judges nothing while their mean is outside.
class Ecdd {
 public:
  struct Options {
    double lambda = 0.2;             ///< weight of the newest value, in (0, 1)
    double warning = 0.5;            ///< share of the limit that warns, in (0, 1]
    std::uint64_t min_samples = 30;  ///< the first value that is judged, >= 2
    Rules rules = Rules::paper;
  };

  Ecdd() : Ecdd(Options{}) {}

  /// @throws ConfigError
  explicit Ecdd(const Options& options) : options_(options) {
    require("Ecdd", "lambda", options.lambda, options.lambda > 0.0 && options.lambda < 1.0, "in (0, 1)");
    require("Ecdd", "warning", options.warning, options.warning > 0.0 && options.warning <= 1.0, "in (0, 1]");
    require("Ecdd", "min_samples", options.min_samples, options.min_samples >= 2, ">= 2");
  }

  Change update(double value) noexcept {
    if (!is_error(value, options_.rules)) return ++refused_, Change::none;
    ++count_;
    total_ += value;
    recent_ += options_.lambda * (value - recent_);
    forgotten_ *= (1.0 - options_.lambda) * (1.0 - options_.lambda);
    // Subnormal numbers are slow, and would stay for good.
    if (std::abs(recent_) < vanished) recent_ = 0.0;
    if (forgotten_ < vanished) forgotten_ = 0.0;
    if (count_ < first_judged()) return Change::none;
    const Change change = judge();
    if (change == Change::none) {
      warned_for_ = 0;
      return change;
    }
    ++warned_for_;
    if (change == Change::drift) {
      const std::uint64_t age = warned_for_;
      reset();
      drift_age_ = age;
    }
    return change;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    count_ = warned_for_ = drift_age_ = 0;
    total_ = recent_ = 0.0;
    forgotten_ = 1.0;
  }

  /// Mean since the last alarm; NaN before the first value.
  double mean() const noexcept { return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : total_ / static_cast<double>(count_); }

  std::uint64_t refused() const noexcept { return refused_; }

  /// Values since the warning began that became the drift; 1 for a drift without warning.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Ecdd", 1);
    auto& options = self.options_;
    ar(options.lambda, options.warning, options.min_samples, options.rules);
    ar(self.refused_, self.drift_age_, self.count_, self.warned_for_, self.total_, self.recent_, self.forgotten_);
    ar.check(options.lambda > 0.0 && options.lambda < 1.0, "lambda");
    ar.check(options.warning > 0.0 && options.warning <= 1.0, "warning");
    ar.check(options.min_samples >= 2, "min_samples");
    ar.check(options.rules <= Rules::moa, "rules");
    ar.check(self.warned_for_ <= self.count_, "count");
    ar.check(is_finite(self.total_) && is_finite(self.recent_), "means");
    ar.check(self.forgotten_ >= 0.0 && self.forgotten_ <= 1.0, "weight");
  }

 private:
  static constexpr double vanished = 1e-300;

  std::uint64_t first_judged() const noexcept { return options_.rules == Rules::moa ? options_.min_samples - 1 : options_.min_samples; }

  Change judge() const noexcept {
    const double rate = total_ / static_cast<double>(count_);
    const double spread = rate * (1.0 - rate);
    if (spread < 0.0) return Change::none;
    // Horner's rule and the running product differ from the formula in the last digits: near a limit the formula decides.
    const double square = rate * rate;
    const double limit = 3.97 + rate * (-6.56 + square * (48.73 + square * (-330.13 + square * 848.18)));
    double reach = limit * std::sqrt(spread * options_.lambda * (1.0 - forgotten_) / (2.0 - options_.lambda));
    const double near = 1e-9 * (std::abs(recent_) + std::abs(rate) + std::abs(reach));
    const double gap = recent_ - rate;
    if (std::abs(gap - reach) < near || std::abs(gap - options_.warning * reach) < near) reach = exact_reach(rate);
    if (count_ >= options_.min_samples && recent_ > rate + reach) return Change::drift;
    return recent_ > rate + options_.warning * reach ? Change::warning : Change::none;
  }

  /// L(p) of table 1 times the deviation of the weighted mean, operation by operation as MOA has it.
  double exact_reach(double rate) const noexcept {
    const double weights = 1.0 - std::pow(1.0 - options_.lambda, 2.0 * static_cast<double>(count_));
    const double deviation = std::sqrt(rate * (1.0 - rate) * options_.lambda * weights / (2.0 - options_.lambda));
    const double limit = 3.97 - 6.56 * rate + 48.73 * std::pow(rate, 3) - 330.13 * std::pow(rate, 5) + 848.18 * std::pow(rate, 7);
    return limit * deviation;
  }

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t warned_for_ = 0;  // warnings in a row
  double total_ = 0.0;
  double recent_ = 0.0;     // Z_t
  double forgotten_ = 1.0;  // (1 - lambda)^(2 t)
};

}  // namespace rtml::drift
