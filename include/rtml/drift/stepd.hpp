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
#include "rtml/stats/special.hpp"

namespace rtml::drift {

/// Raises an alarm when the error rate of the last values and that of all before them differ, by a two-sided test of two proportions
/// with continuity correction. Feed 1 for a wrong prediction and 0 for a right one.
///
/// Each value is tested at the level of one test, so false alarms are frequent. Where all predictions are right (or wrong) so far,
/// nothing differs. After an alarm it starts afresh with the next value. O(1) time, one division; 8 bytes a value of the window, allocated
/// at construction. Source: K. Nishida, K. Yamauchi, "Detecting concept drift using statistical testing", Discovery Science 2007, section
/// 3. `Rules::moa` takes values outside [0, 1], keeps them in the window as whole bytes, and takes a difference that is smaller than its
/// correction for one in the other direction.
class Stepd {
 public:
  struct Options {
    double drift = 0.003;       ///< level of the test that alarms, in (0, 1)
    double warning = 0.05;      ///< and that warns, in [drift, 1)
    std::uint64_t window = 30;  ///< recent values; as many before them begin the test, in [2, 1e6]
    Direction direction = Direction::both;
    Rules rules = Rules::paper;
  };

  Stepd() : Stepd(Options{}) {}

  /// @throws ConfigError
  explicit Stepd(const Options& options) : options_(options) {
    require("Stepd", "drift", options.drift, options.drift > 0.0 && options.drift < 1.0, "in (0, 1)");
    require("Stepd", "warning", options.warning, options.warning >= options.drift && options.warning < 1.0, "in [drift, 1)");
    require("Stepd", "window", options.window, options.window >= 2 && options.window <= longest, "in [2, 1e6]");
    recent_.resize(static_cast<std::size_t>(options.window));
    derive();
  }

  Change update(double value) noexcept {
    if (!is_error(value, options_.rules)) return ++refused_, Change::none;
    double& place = recent_[static_cast<std::size_t>(next_)];
    if (count_ >= options_.window) {
      older_errors_ += place;
      recent_errors_ -= place;
    }
    place = options_.rules == Rules::moa ? moa_byte(value) : value;
    recent_errors_ += value;
    next_ = next_ + 1 == options_.window ? 0 : next_ + 1;
    if (++count_ < 2 * options_.window) return Change::none;
    const Change change = judge();
    if (change == Change::drift) {
      restart();
      drift_age_ = options_.window;
    }
    return change;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    restart();
    drift_age_ = 0;
  }

  std::uint64_t refused() const noexcept { return refused_; }

  /// The window.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + recent_.capacity() * sizeof(double); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Stepd", 1);
    auto& options = self.options_;
    ar(options.drift, options.warning, options.window, options.direction, options.rules);
    ar(self.refused_, self.drift_age_, self.count_, self.next_, self.older_errors_, self.recent_errors_, self.recent_);
    ar.check(options.drift > 0.0 && options.drift < 1.0, "drift");
    ar.check(options.warning >= options.drift && options.warning < 1.0, "warning");
    ar.check(options.window >= 2 && options.window <= longest && self.recent_.size() == options.window, "window");
    ar.check(options.direction <= Direction::fall, "direction");
    ar.check(options.rules <= Rules::moa, "rules");
    ar.check(self.next_ < options.window, "place");
    ar.check(is_finite(self.older_errors_) && is_finite(self.recent_errors_), "errors");
    for (const double value : self.recent_) ar.check(is_usable(value), "value");
    if constexpr (Ar::reading) self.derive();
  }

 private:
  static constexpr std::uint64_t longest = 1'000'000;

  void derive() noexcept {
    const double z_drift = stats::normal_quantile(options_.drift / 2.0);
    const double z_warning = stats::normal_quantile(options_.warning / 2.0);
    drift_square_ = z_drift * z_drift;
    warning_square_ = z_warning * z_warning;
  }

  void restart() noexcept {
    count_ = next_ = 0;
    older_errors_ = recent_errors_ = 0.0;
  }

  /// Squares are compared, and multiplied by the sizes, where the paper has a root and five divisions.
  Change judge() const noexcept {
    const auto recent = static_cast<double>(options_.window);
    const auto older = static_cast<double>(count_ - options_.window);
    const double all = older + recent;
    const double product = older * recent;
    const double rate = (older_errors_ + recent_errors_) / all;
    const double spread = rate * (1.0 - rate);
    if (spread <= 0.0) return Change::none;  // nothing differs, and nothing to divide by
    const double difference = recent_errors_ * older - older_errors_ * recent;
    double beyond = std::abs(difference) - 0.5 * all;
    if (options_.rules == Rules::moa) beyond = std::abs(beyond);
    if (beyond <= 0.0 || !is_told(difference)) return Change::none;
    const double square = beyond * beyond;
    const double unit = spread * all * product;
    if (square > drift_square_ * unit) return Change::drift;
    return square > warning_square_ * unit ? Change::warning : Change::none;
  }

  bool is_told(double difference) const noexcept {
    return options_.direction == Direction::both || (options_.direction == Direction::rise ? difference > 0.0 : difference < 0.0);
  }

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t next_ = 0;      // place of the next value
  double older_errors_ = 0.0;   // w_o
  double recent_errors_ = 0.0;  // w_r
  double drift_square_ = 0.0;   // of the normal quantile
  double warning_square_ = 0.0;
  std::vector<double> recent_;
};

}  // namespace rtml::drift
