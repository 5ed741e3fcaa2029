#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "rtml/core/time.hpp"

namespace rtml_loop {

/// The share of positives among the `k` highest scores of each day, averaged over the days: what a team that can check k cases a day sees.
class DailyPrecision {
 public:
  explicit DailyPrecision(std::size_t k) : k_(k) {}

  void add(rtml::Time at, float score, float y) {
    const std::int64_t day = at.time_since_epoch() / rtml::Duration(rtml::days(1));
    if (day != day_) close();
    day_ = day;
    scored_.emplace_back(score, y);
  }

  /// NaN before anything was added.
  double value() {
    close();
    return days_ == 0 ? std::numeric_limits<double>::quiet_NaN() : sum_ / static_cast<double>(days_);
  }

 private:
  void close() {
    if (scored_.empty()) return;
    const std::size_t n = std::min(k_, scored_.size());
    std::partial_sort(scored_.begin(), scored_.begin() + static_cast<std::ptrdiff_t>(n), scored_.end(),
                      [](const auto& a, const auto& b) { return a.first > b.first; });
    double positives = 0.0;
    for (std::size_t i = 0; i < n; ++i) positives += static_cast<double>(scored_[i].second);
    sum_ += positives / static_cast<double>(n);
    ++days_;
    scored_.clear();
  }

  std::size_t k_;
  std::int64_t day_ = std::numeric_limits<std::int64_t>::min();
  std::vector<std::pair<float, float>> scored_;
  double sum_ = 0.0;
  std::uint64_t days_ = 0;
};

}  // namespace rtml_loop
