#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/drift/direction.hpp"
#include "rtml/drift/rules.hpp"

namespace rtml::drift {

/// ADWIN: keeps the longest window of recent values whose mean has not changed. When two parts of it differ, it drops the older one
/// and raises an alarm. What is left is the stream since the change: `mean()` and `width()` describe it.
///
/// Assumes values in a range of length 1 (errors, probabilities): set `scale` to the length of the range of others, or false alarms are
/// more frequent than `delta` says. A single value far outside, v times that length, raises the variance of the window by v^2 / width:
/// changes stay unseen until some v^2 more values have come, or it is dropped. Clip streams that may have such values.
///
/// Blind to a change of the variance alone. Detects on every `clock`-th value only. An alarm drops what is old and keeps what is new,
/// without a reset, so one big change may alarm several times in a row.
///
/// Holds 5 buckets a power of two of the width: O(log width) each `clock` values, O(1) otherwise, 3 KB whatever the stream. Never
/// allocates. Source: A. Bifet, R. Gavalda, "Learning from time-changing data with adaptive windowing", SDM 2007 (ADWIN2: section 3.2,
/// the bound with the variance). `Rules::moa` wants both parts longer than 6, and has 1/(n - 4) where the paper has 1/n.
class Adwin {
 public:
  struct Options {
    double delta = 0.002;                   ///< bound on the chance that a check cuts a window without a change, in (0, 1)
    std::uint64_t clock = 32;               ///< values from one check to the next, >= 1
    double scale = 1.0;                     ///< length of the range of the values, > 0
    Direction direction = Direction::both;  ///< which changes alarm; the window follows all of them
    Rules rules = Rules::paper;
  };

  Adwin() : Adwin(Options{}) {}

  /// @throws ConfigError
  explicit Adwin(const Options& options) : options_(options) {
    require("Adwin", "delta", options.delta, options.delta > 0.0 && options.delta < 1.0, "in (0, 1)");
    require("Adwin", "clock", options.clock, options.clock >= 1, ">= 1");
    require("Adwin", "scale", options.scale, valid_scale(options.scale), "in [1e-15, 1e+15]");
    until_check_ = options.clock;
    per_scale_ = 1.0 / options.scale;
  }

  Change update(double value) noexcept {
    if (!is_usable(value)) return ++refused_, Change::none;
    const double mean_before = width_ == 0 ? 0.0 : total_ / static_cast<double>(width_);
    insert(value * per_scale_);
    if (--until_check_ != 0) return Change::none;
    until_check_ = options_.clock;
    bool cut = false;
    while (width_ > least_width() && differs()) {
      drop_oldest();
      cut = true;
    }
    if (!cut) return Change::none;
    const double mean_after = total_ / static_cast<double>(width_);
    const bool told = options_.direction == Direction::both || (options_.direction == Direction::rise && mean_after > mean_before) ||
                      (options_.direction == Direction::fall && mean_after < mean_before);
    if (!told) return Change::none;
    drift_age_ = width_;
    return Change::drift;
  }

  /// Empties the window; keeps the count of refused values.
  void reset() noexcept {
    rows_used_ = 0;
    sizes_.fill(0);
    width_ = 0;
    total_ = variance_ = 0.0;
    until_check_ = options_.clock;
    drift_age_ = 0;
  }

  /// How many of the last values are in the window: after an alarm, about those since the change.
  std::uint64_t width() const noexcept { return width_; }

  /// Of the values in the window; NaN when it is empty.
  double mean() const noexcept { return width_ == 0 ? undefined : options_.scale * (total_ / static_cast<double>(width_)); }
  double variance() const noexcept { return width_ == 0 ? undefined : options_.scale * options_.scale * mean_square(); }

  std::uint64_t refused() const noexcept { return refused_; }

  /// The width that the last alarm left.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Adwin", 1);
    auto& options = self.options_;
    ar(options.delta, options.clock, options.scale, options.direction, options.rules);
    ar(self.refused_, self.drift_age_, self.until_check_, self.total_, self.variance_, self.rows_used_);
    ar.check(options.delta > 0.0 && options.delta < 1.0, "delta");
    ar.check(valid_scale(options.scale), "scale");
    ar.check(options.direction <= Direction::fall, "direction");
    ar.check(options.rules <= Rules::moa, "rules");
    ar.check(self.until_check_ >= 1 && self.until_check_ <= options.clock, "clock");
    ar.check(is_finite(self.total_) && is_finite(self.variance_) && self.variance_ >= 0.0, "window");
    ar.check(self.rows_used_ <= most_rows, "rows");
    if constexpr (Ar::reading) {
      self.sizes_.fill(0);
      self.width_ = 0;
      self.per_scale_ = 1.0 / options.scale;
    }
    for (std::size_t row = 0; row < self.rows_used_; ++row) {
      ar(self.sizes_[row]);
      ar.check(self.sizes_[row] >= 1 && self.sizes_[row] <= most_buckets, "row size");
      for (std::size_t k = 0; k < self.sizes_[row]; ++k) {
        auto& bucket = self.rows_[row][k];
        ar(bucket.total, bucket.variance);
        ar.check(is_finite(bucket.total) && is_finite(bucket.variance), "bucket");
      }
      if constexpr (Ar::reading) self.width_ += static_cast<std::uint64_t>(self.sizes_[row]) << row;
    }
  }

 private:
  static constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
  static constexpr std::size_t most_rows = 32;    // a window of 2e10 values; beyond it the oldest are dropped
  static constexpr std::size_t most_buckets = 5;  // of one size (M in the paper); a sixth merges the two oldest

  struct Bucket {
    double total;
    double variance;  // sum of squared deviations from the bucket's mean
  };

  static bool valid_scale(double scale) noexcept { return scale >= 1e-15 && scale <= 1e15; }

  static double bucket_size(std::size_t row) noexcept { return static_cast<double>(std::uint64_t{1} << row); }

  std::uint64_t least_width() const noexcept { return options_.rules == Rules::moa ? 10 : 1; }

  double mean_square() const noexcept { return variance_ / static_cast<double>(width_); }

  void insert(double value) noexcept {
    if (width_ != 0) {
      const auto n = static_cast<double>(width_);
      const double gap = value - total_ / n;
      variance_ += n * gap * gap / (n + 1.0);
    }
    ++width_;
    total_ += value;
    push(0, {value, 0.0});
    for (std::size_t row = 0; sizes_[row] > most_buckets; ++row) {
      if (row + 1 == most_rows) {
        drop_oldest();
        return;
      }
      const Bucket& a = rows_[row][0];
      const Bucket& b = rows_[row][1];
      const double gap = (a.total - b.total) / bucket_size(row);
      push(row + 1, {a.total + b.total, a.variance + b.variance + 0.5 * bucket_size(row) * (gap * gap)});
      std::copy(rows_[row].begin() + 2, rows_[row].end(), rows_[row].begin());
      sizes_[row] = most_buckets - 1;
    }
  }

  void push(std::size_t row, Bucket bucket) noexcept {
    rows_used_ = std::max(rows_used_, static_cast<std::uint32_t>(row + 1));
    rows_[row][sizes_[row]++] = bucket;
  }

  void drop_oldest() noexcept {
    const std::size_t row = rows_used_ - 1;
    std::copy(rows_[row].begin() + 1, rows_[row].end(), rows_[row].begin());
    if (--sizes_[row] == 0) --rows_used_;
    width_ -= std::uint64_t{1} << row;
    add_up();
  }

  /// Summed anew: to subtract what was large would leave its rounding behind, more than all that is left, or a variance below zero.
  void add_up() noexcept {
    double n = 0.0;
    total_ = variance_ = 0.0;
    for (std::size_t row = rows_used_; row-- > 0;) {
      const double size = bucket_size(row);
      for (std::size_t k = 0; k < sizes_[row]; ++k) {
        const Bucket& bucket = rows_[row][k];
        const double gap = n > 0.0 ? total_ / n - bucket.total / size : 0.0;
        variance_ += bucket.variance + n * size * gap * gap / (n + size);
        total_ += bucket.total;
        n += size;
      }
    }
  }

  /// True when the window, cut between two of its buckets, has two different means.
  bool differs() const noexcept {
    const double least_part = options_.rules == Rules::moa ? 6.0 : 0.0;
    const double held_back = options_.rules == Rules::moa ? 4.0 : 0.0;
    const auto width = static_cast<double>(width_);
    const double log_term = std::log(2.0 * std::log(width) / options_.delta);
    const double variance = mean_square();
    // Most cuts are settled without a division or a root: epsilon is more than the square root below, by more than rounding takes.
    const double settled = 0.99 * 2.0 * variance * log_term;
    double n0 = 0.0;  // the older part
    double u0 = 0.0;
    double n1 = width;
    double u1 = total_;
    for (std::size_t row = rows_used_; row-- > 0;) {
      const double size = bucket_size(row);
      for (std::size_t k = 0; k < sizes_[row]; ++k) {
        n0 += size;
        n1 -= size;
        u0 += rows_[row][k].total;
        u1 -= rows_[row][k].total;
        if (n0 <= least_part) continue;
        if (n1 <= least_part) return false;
        const double a = n0 - held_back;
        const double b = n1 - held_back;
        const double across = u0 * n1 - u1 * n0;
        if (across * across * (a * b) <= settled * (a + b) * (n0 * n1 * (n0 * n1))) continue;
        const double m = 1.0 / a + 1.0 / b;
        const double epsilon = std::sqrt(2.0 * m * variance * log_term) + 2.0 / 3.0 * log_term * m;
        if (std::abs(u0 / n0 - u1 / n1) > epsilon) return true;
      }
    }
    return false;
  }

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t until_check_ = 0;
  std::uint64_t width_ = 0;
  double per_scale_ = 1.0;
  double total_ = 0.0;
  double variance_ = 0.0;  // sum of squared deviations in the window
  std::uint32_t rows_used_ = 0;
  std::array<std::uint8_t, most_rows> sizes_{};
  std::array<std::array<Bucket, most_buckets + 1>, most_rows> rows_{};  // row r: buckets of 2^r values, oldest first
};

}  // namespace rtml::drift
