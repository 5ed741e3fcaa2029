#pragma once

#include <algorithm>
#include <cmath>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"

namespace rtml::detail {

/// A bet against "the mean is not above 0" of values >= -`least` that come one by one: if that is true, whatever the distribution and
/// however
/// often one looks, the capital ever reaches 1/alpha with probability alpha at most (Ville's inequality). The stake follows the
/// mean and variance so far. Values need not be independent: it is enough that each one's mean given the past is not above 0.
/// Source: I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024), sections 4 and B.3
/// (aGRAPA).
class Bet {
 public:
  explicit Bet(double least = 1.0) : least_(least) {}

  void update(double value) noexcept {
    const double mean = sum_ / (count_ + 1.0);                                               // one value of mean 0 before all others
    const double spread = (squares_ + 0.25 * least_ * least_) / (count_ + 1.0);              // around 0: variance + mean^2
    const double stake = spread > 0.0 ? std::clamp(mean / spread, 0.0, 0.5 / least_) : 0.0;  // of a `least` whose square is 0
    log_capital_ += std::log1p(stake * value);
    sum_ += value;
    squares_ += value * value;
    count_ += 1.0;
    best_ = std::max(best_, log_capital_);
  }

  bool won(double alpha) const noexcept { return best_ >= -std::log(alpha); }
  double mean() const noexcept { return count_ > 0.0 ? sum_ / count_ : 0.0; }

  /// An upper bound, whenever one looks, of how probable that much capital is while the mean is not above 0.
  double p_value() const noexcept { return std::exp(-best_); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.least_, self.count_, self.sum_, self.squares_, self.log_capital_, self.best_);
    ar.check(is_finite(self.least_) && self.least_ > 0.0 && self.least_ <= 1.0, "least value of a bet");
    ar.check(is_finite(self.count_) && self.count_ >= 0.0 && is_finite(self.sum_) && is_finite(self.squares_) && self.squares_ >= 0.0,
             "values of a bet");
    ar.check(is_finite(self.log_capital_) && is_finite(self.best_) && self.best_ >= self.log_capital_ && self.best_ >= 0.0, "capital");
  }

 private:
  double least_;
  double count_ = 0.0;
  double sum_ = 0.0;
  double squares_ = 0.0;
  double log_capital_ = 0.0;
  double best_ = 0.0;
};

}  // namespace rtml::detail
