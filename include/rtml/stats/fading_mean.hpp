#pragma once

#include <cstddef>
#include <limits>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"

namespace rtml::stats {

/// Mean of a stream in which every value weighs `factor` times the next one: recent ones count most. Without the bias of a plain
/// exponential average towards where it started. O(1); a value that is not finite is left out.
/// Source: J. Gama, R. Sebastiao, P. P. Rodrigues, "On evaluating stream learning algorithms", Machine Learning 90 (2013), section 3.2.
class FadingMean {
 public:
  /// `factor` in (0, 1]: 1 is the plain mean, 0.999 remembers about 1000 values.
  /// @throws ConfigError
  explicit FadingMean(double factor = 0.999) : factor_(factor) {
    require("FadingMean", "factor", factor, factor > 0.0 && factor <= 1.0, "in (0, 1]");
  }

  void update(double value) noexcept {
    if (!is_usable(value)) return;
    sum_ = factor_ * sum_ + value;
    weight_ = factor_ * weight_ + 1.0;
  }

  /// NaN before the first value.
  double mean() const noexcept { return weight_ > 0.0 ? sum_ / weight_ : std::numeric_limits<double>::quiet_NaN(); }

  /// How many values it remembers, each counted as far as it still weighs.
  double weight() const noexcept { return weight_; }

  void reset() noexcept { sum_ = weight_ = 0.0; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("FadingMean", 1);
    ar(self.factor_, self.sum_, self.weight_);
    ar.check(self.factor_ > 0.0 && self.factor_ <= 1.0, "factor");
    ar.check(is_finite(self.sum_), "sum");
    ar.check(is_finite(self.weight_) && self.weight_ >= 0.0, "weight");
  }

 private:
  double factor_;
  double sum_ = 0.0;
  double weight_ = 0.0;
};

}  // namespace rtml::stats
