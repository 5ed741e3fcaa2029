#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rtml/core/finite.hpp"

namespace rtml::stats {

/// Count, mean and variance of the finite values seen; others are left out. O(1), mergeable, never loses digits to a large mean.
/// Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
class Moments {
 public:
  void update(double value) noexcept {
    if (!is_usable(value)) return;
    ++count_;
    const double before = value - mean_;
    mean_ += before / static_cast<double>(count_);
    squares_ += before * (value - mean_);
  }

  void merge(const Moments& other) noexcept {
    if (other.count_ == 0) return;
    const auto n = static_cast<double>(count_);
    const auto m = static_cast<double>(other.count_);
    const double gap = other.mean_ - mean_;
    count_ += other.count_;
    mean_ += gap * (m / (n + m));
    squares_ += other.squares_ + gap * gap * (n * m / (n + m));
  }

  std::uint64_t count() const noexcept { return count_; }

  /// NaN before the first value.
  double mean() const noexcept { return count_ == 0 ? undefined : mean_; }

  /// Of the values themselves (divided by n); NaN before the first value.
  double variance() const noexcept { return count_ == 0 ? undefined : squares_ / static_cast<double>(count_); }

  /// Of the population that they are a sample of (divided by n - 1); NaN before the second value.
  double sample_variance() const noexcept { return count_ < 2 ? undefined : squares_ / static_cast<double>(count_ - 1); }

  double standard_deviation() const noexcept { return std::sqrt(variance()); }

  void reset() noexcept { *this = Moments(); }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Moments", 1);
    ar(self.count_, self.mean_, self.squares_);
    ar.check(is_finite(self.mean_), "mean");
    ar.check(is_finite(self.squares_) && self.squares_ >= 0.0, "squares");
  }

 private:
  static constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

  std::uint64_t count_ = 0;
  double mean_ = 0.0;
  double squares_ = 0.0;  // sum of squared deviations from the mean
};

}  // namespace rtml::stats
