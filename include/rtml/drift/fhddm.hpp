#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/drift/direction.hpp"
#include "rtml/drift/rules.hpp"

namespace rtml::drift {

/// Raises an alarm when the error rate of a window has risen above the lowest that any window had, by more than Hoeffding's inequality
/// allows. No distribution is assumed, but values in [0, 1].
///
/// Judges full windows only, so the first value that can alarm is the `window`-th plus what the bound takes. After an alarm it starts
/// afresh with the next value. O(1) time; 4 bytes a value of the window, allocated at construction. Sums are exact: values are taken in
/// steps of 2^-31. Source: A. Pesaranghader, H. L. Viktor, "Fast Hoeffding drift detection method for evolving data streams", ECML PKDD
/// 2016, section 3; its mirror image for `Direction::fall`.
class Fhddm {
 public:
  struct Options {
    double delta = 1e-6;                    ///< chance of a false alarm that the bound allows a window, in (0, 1)
    std::uint64_t window = 100;             ///< values (n in the paper), in (-ln(delta) / 2, 1e6], or none could alarm
    Direction direction = Direction::rise;  ///< the paper's is a rise of the errors
  };

  Fhddm() : Fhddm(Options{}) {}

  /// @throws ConfigError
  explicit Fhddm(const Options& options) : options_(options) {
    require("Fhddm", "delta", options.delta, options.delta > 0.0 && options.delta < 1.0, "in (0, 1)");
    require("Fhddm", "window", options.window, options.window >= 1 && options.window <= longest, "in [1, 1e6]");
    if (bound(options) >= 1.0)
      require("Fhddm", "window", options.window, false,
              "at least " + to_text(least_window(options.delta)) + ", or delta larger: none would alarm");
    values_.resize(static_cast<std::size_t>(options.window));
    derive();
    restart();
  }

  Change update(double value) noexcept {
    if (!is_error(value, Rules::paper)) return ++refused_, Change::none;
    auto& place = values_[static_cast<std::size_t>(next_)];
    const auto steps = static_cast<std::uint32_t>(value * one + 0.5);
    sum_ += steps;
    if (count_ >= options_.window) sum_ -= place;
    place = steps;
    next_ = next_ + 1 == options_.window ? 0 : next_ + 1;
    if (++count_ < options_.window) return Change::none;
    if (sum_ <= lowest_) lowest_ = sum_, lowest_at_ = count_;
    if (sum_ >= highest_) highest_ = sum_, highest_at_ = count_;
    if (options_.direction != Direction::fall && sum_ - lowest_ > allowed_) return alarm(lowest_at_);
    if (options_.direction != Direction::rise && highest_ - sum_ > allowed_) return alarm(highest_at_);
    return Change::none;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    restart();
    drift_age_ = 0;
  }

  /// Mean of the window; NaN while it is not full.
  double mean() const noexcept {
    if (count_ < options_.window) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(sum_) / (one * static_cast<double>(options_.window));
  }

  std::uint64_t refused() const noexcept { return refused_; }

  /// Values since the window that was best, at most a window.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + values_.capacity() * sizeof(std::uint32_t); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Fhddm", 1);
    auto& options = self.options_;
    ar(options.delta, options.window, options.direction, self.refused_, self.drift_age_, self.count_, self.next_);
    ar(self.lowest_, self.highest_, self.lowest_at_, self.highest_at_, self.values_);
    ar.check(options.delta > 0.0 && options.delta < 1.0, "delta");
    ar.check(options.window >= 1 && options.window <= longest && self.values_.size() == options.window, "window");
    ar.check(bound(options) < 1.0, "window");
    ar.check(options.direction <= Direction::fall, "direction");
    ar.check(self.next_ < options.window && (self.count_ >= options.window || self.next_ == self.count_), "place");
    ar.check(self.lowest_at_ <= self.count_ && self.highest_at_ <= self.count_, "count");
    for (const std::uint32_t steps : self.values_) ar.check(steps <= static_cast<std::uint32_t>(one), "value");
    if constexpr (Ar::reading) {
      self.derive();
      self.sum_ = 0;
      const std::uint64_t filled = std::min(self.count_, options.window);
      for (std::size_t i = 0; i < filled; ++i) self.sum_ += self.values_[i];
    }
    ar.check(self.count_ < options.window || (self.lowest_ <= self.sum_ && self.sum_ <= self.highest_), "extremes");
  }

 private:
  static constexpr double one = 2147483648.0;  // steps of an error
  static constexpr std::uint64_t longest = 1'000'000;

  /// Hoeffding's epsilon: how much two means of a window may differ; from 1 on there is no alarm.
  static double bound(const Options& options) noexcept {
    return std::sqrt(std::log(1.0 / options.delta) / (2.0 * static_cast<double>(options.window)));
  }

  static std::uint64_t least_window(double delta) noexcept { return static_cast<std::uint64_t>(0.5 * std::log(1.0 / delta)) + 1; }

  void derive() noexcept { allowed_ = static_cast<std::uint64_t>(bound(options_) * static_cast<double>(options_.window) * one); }

  void restart() noexcept {
    count_ = next_ = sum_ = highest_ = lowest_at_ = highest_at_ = 0;
    lowest_ = std::numeric_limits<std::uint64_t>::max();
  }

  Change alarm(std::uint64_t since) noexcept {
    drift_age_ = std::min(count_ - since, options_.window);
    restart();
    return Change::drift;
  }

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t allowed_ = 0;  // epsilon_d, as a sum over the window
  std::uint64_t count_ = 0;
  std::uint64_t next_ = 0;  // place of the next value
  std::uint64_t sum_ = 0;
  std::uint64_t lowest_ = 0;  // sum of a window
  std::uint64_t highest_ = 0;
  std::uint64_t lowest_at_ = 0;
  std::uint64_t highest_at_ = 0;
  std::vector<std::uint32_t> values_;
};

}  // namespace rtml::drift
