#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rtml/core/finite.hpp"

namespace rtml::detail {

/// Running mean and deviation of labels, which give regression its unit. The last hundred thousand weigh most, so that what a hostile label
/// did fades. A label counts for at most ten deviations: a hundred wrong ones in a row change next to nothing. When more keep coming (more than
/// one in ten), it is a level that stays, and is caught up with: each may add a tenth to the variance. Of the first eight, what is further from their median
/// than 8 times their spread (1.4826 median absolute deviations, which is the deviation of a normal distribution) counts as that far.
class LabelScale {
 public:
  static constexpr std::size_t first = 8;

  /// True when one of the first labels is far from the others: what was made of it should start anew from the mean.
  bool observe(float y) noexcept {
    if (count_ < first) {
      first_[count_++] = y;
      return settle(static_cast<std::size_t>(count_));
    }
    if (count_ < most_counted) ++count_;
    const double fraction = std::max(1.0 / static_cast<double>(count_), 1e-5);
    const double away = static_cast<double>(y) - mean_;
    const bool beyond = unit_ > 0.0 && std::abs(away) > 10.0 * unit_;
    pressure_ = beyond ? std::min(pressure_ + 1.0, 2.0 * patience) : std::max(pressure_ - 0.1, 0.0);
    const double limit = unit_ * (pressure_ > patience ? std::max(10.0, std::sqrt(0.1 / fraction)) : 10.0);
    take(beyond ? std::clamp(away, -limit, limit) : away, fraction);
    unit_ = std::sqrt(variance_);
    return false;
  }

  /// As if both had seen one stream (T. F. Chan et al. 1983, eq. 2.1), but for labels that were cut.
  void merge(const LabelScale& other) noexcept {
    if (other.count_ == 0) return;
    if (count_ == 0) {
      *this = other;
      return;
    }
    const double all = static_cast<double>(count_) + static_cast<double>(other.count_);
    const double share = static_cast<double>(other.count_) / all;
    const double away = other.mean_ - mean_;
    variance_ = (1.0 - share) * variance_ + share * other.variance_ + share * (1.0 - share) * away * away;
    mean_ += share * away;
    if (count_ < first)  // so that what follows is still judged by all
      for (std::size_t i = 0; count_ + i < first && i < std::min<std::size_t>(first, other.count_); ++i)
        first_[count_ + i] = other.first_[i];
    count_ = std::min(count_ + other.count_, most_counted);
    pressure_ = std::max(pressure_, other.pressure_);
    unit_ = known();
  }

  bool empty() const noexcept { return count_ == 0; }
  double mean() const noexcept { return mean_; }
  double unit() const noexcept { return unit_; }  ///< 0 while all labels were equal, and of the first two

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("LabelScale", 1);
    ar(self.count_, self.mean_, self.variance_, self.pressure_, self.first_);
    if constexpr (Ar::reading) {
      ar.check(self.count_ <= most_counted, "number of labels");
      ar.check(is_usable(self.mean_), "mean label");
      ar.check(is_finite(self.variance_) && self.variance_ >= 0.0 && self.variance_ <= 1e32, "label variance");
      ar.check(is_finite(self.pressure_) && self.pressure_ >= 0.0 && self.pressure_ <= 2.0 * patience, "labels beyond the limit");
      for (const float label : self.first_) ar.check(is_usable(label), "first labels");
      self.unit_ = self.known();
    }
  }

 private:
  static constexpr double patience = 100.0;
  static constexpr std::uint64_t most_counted = std::uint64_t{1} << 40U;  // far beyond what makes a difference

  double known() const noexcept { return count_ < 3 ? 0.0 : std::sqrt(variance_); }

  void take(double away, double fraction) noexcept {
    variance_ += ((1.0 - fraction) * away * away - variance_) * fraction;
    mean_ += away * fraction;
  }

  /// Of the first n labels, the median of distance(label).
  template <class Distance>
  double median(std::size_t n, Distance distance) const noexcept {
    std::array<double, first> some{};
    for (std::size_t i = 0; i < n; ++i) some[i] = distance(static_cast<double>(first_[i]));
    std::sort(some.begin(), some.begin() + static_cast<std::ptrdiff_t>(n));
    return 0.5 * (some[(n - 1) / 2] + some[n / 2]);
  }

  /// Mean and deviation of the first n labels. Two cannot tell which of them is far: the unit is known from the third on.
  bool settle(std::size_t n) noexcept {
    const double middle = median(n, [](double label) { return label; });
    double reach = 8.0 * 1.4826 * median(n, [&](double label) { return std::abs(label - middle); });
    if (!(reach > 0.0)) reach = std::numeric_limits<double>::max();  // where most are equal, nothing says what is far
    bool far = false;
    mean_ = variance_ = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      const double away = static_cast<double>(first_[i]) - middle;
      far = far || std::abs(away) > reach;
      take(middle + std::clamp(away, -reach, reach) - mean_, 1.0 / static_cast<double>(i + 1));
    }
    unit_ = known();
    return far;
  }

  std::uint64_t count_ = 0;
  double mean_ = 0.0;
  double variance_ = 0.0;
  double unit_ = 0.0;
  double pressure_ = 0.0;  // of labels beyond the limit, lately
  std::array<float, first> first_{};
};

}  // namespace rtml::detail
