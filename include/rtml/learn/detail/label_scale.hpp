#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "rtml/core/finite.hpp"

namespace rtml::detail {

/// Running mean and deviation of labels, which give regression its unit. A label counts for at most ten deviations, and the last hundred
/// thousand weigh most, so that what a hostile label did fades.
class LabelScale {
 public:
  void observe(float y) noexcept {
    ++count_;
    const double fraction = std::max(1.0 / static_cast<double>(count_), 1e-5);
    double away = static_cast<double>(y) - mean_;
    if (variance_ > 0.0) away = std::clamp(away, -10.0 * unit_, 10.0 * unit_);
    variance_ += ((1.0 - fraction) * away * away - variance_) * fraction;
    mean_ += away * fraction;
    unit_ = std::sqrt(variance_);
  }

  /// As if both had seen one stream (T. F. Chan et al. 1983, eq. 2.1), but for labels that were cut.
  void merge(const LabelScale& other) noexcept {
    if (other.count_ == 0) return;
    const double all = static_cast<double>(count_) + static_cast<double>(other.count_);
    const double share = static_cast<double>(other.count_) / all;
    const double away = other.mean_ - mean_;
    variance_ = (1.0 - share) * variance_ + share * other.variance_ + share * (1.0 - share) * away * away;
    mean_ += share * away;
    count_ += other.count_;
    unit_ = std::sqrt(variance_);
  }

  bool empty() const noexcept { return count_ == 0; }
  double mean() const noexcept { return mean_; }
  double unit() const noexcept { return unit_; }  ///< 0 while all labels were equal

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("LabelScale", 1);
    ar(self.count_, self.mean_, self.variance_);
    if constexpr (Ar::reading) {
      ar.check(self.count_ <= std::uint64_t{1} << 53U, "number of labels");
      ar.check(is_usable(self.mean_), "mean label");
      ar.check(is_finite(self.variance_) && self.variance_ >= 0.0 && self.variance_ <= 1e32, "label variance");
      self.unit_ = std::sqrt(self.variance_);
    }
  }

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0.0;
  double variance_ = 0.0;
  double unit_ = 0.0;
};

}  // namespace rtml::detail
