#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/finite.hpp"

namespace rtml::detail {

inline bool bounded(double x, double most) noexcept { return is_finite(x) && x >= -most && x <= most; }

/// The least power of two above x > 0.
inline double power_above(double x) noexcept {
  int exponent = 0;
  static_cast<void>(std::frexp(x, &exponent));
  return std::ldexp(1.0, exponent);
}

/// Of each column the range of its values so far, its unit (the power of two above the range; 0: never varied), and its mean, from where
/// values are measured. What lies far outside a settled range is cut.
class ColumnRanges {
 public:
  static constexpr double largest_mean = 2e15;  ///< of usable numbers, rounding included
  static constexpr std::uint32_t settled = 30;  ///< values that make a range

  std::size_t size() const noexcept { return columns_.size(); }
  bool seen(std::size_t j) const noexcept { return columns_[j].seen(); }
  double unit(std::size_t j) const noexcept { return columns_[j].unit; }
  double inverse(std::size_t j) const noexcept { return inverse_[j]; }  ///< 1 / unit, or 0
  double center(std::size_t j) const noexcept { return center_[j]; }
  void move_center(std::size_t j, double by) noexcept { center_[j] += by; }

  /// Becomes the ranges of d columns, of which places[i] is what column i was.
  void bind(std::size_t d, std::span<const std::size_t> places) {
    std::vector<Range> columns(d);
    std::vector<double> center(d, 0.0);
    for (std::size_t i = 0; i < places.size(); ++i) {
      columns[places[i]] = columns_[i];
      center[places[i]] = center_[i];
    }
    columns_ = std::move(columns);
    center_ = std::move(center);
    set_up();
  }

  /// How far a value, as it is taken, lies from its column's mean; 0 when it is missing.
  double away(std::size_t j, float x) const noexcept { return is_usable(x) ? taken(j, static_cast<double>(x)) - center_[j] : 0.0; }

  /// A value as it is taken.
  double taken(std::size_t j, double value) const noexcept {
    return value >= least_[j] && value <= most_[j] ? value : columns_[j].cut(value, center_[j]);
  }

  /// Takes [low, high] into a column's range. Returns how many times its old unit its unit is: 1 when it had none or has that still.
  double widen(std::size_t j, double low, double high) noexcept {
    Range& column = columns_[j];
    if (!column.seen()) column.low = column.high = center_[j] = low;  // whatever it was taken for before told nothing: it was constant
    column.low = std::min(column.low, low);
    column.high = std::max(column.high, high);
    const double range = column.high - column.low;
    if (range < column.unit || range <= 0.0) return 1.0;
    const double before = column.unit;
    column.unit = power_above(range);
    inverse_[j] = 1.0 / column.unit;
    return before > 0.0 ? column.unit / before : 1.0;
  }

  /// Counts a value `off` the mean. What was before counts `kept` of itself, yet fades no faster than that `settled` values weigh: of
  /// fewer, a deviation would be chance.
  void add(std::size_t j, double off, double weight, double kept) noexcept {
    columns_[j].add(off, weight, std::max(kept, 1.0 - 1.0 / settled));
    find_limits(j);
  }

  /// Takes in how the other's column varies. @pre both have the same range; set_up() comes after
  void merge(std::size_t j, const ColumnRanges& other) noexcept { columns_[j].merge(other.columns_[j], other.center_[j] - center_[j]); }

  /// Takes the other's range in; returns as widen(). The mean of a column that was never seen is the other's.
  double take(std::size_t j, const ColumnRanges& other) noexcept {
    if (!other.seen(j)) return 1.0;
    const bool was_seen = seen(j);
    const double factor = widen(j, other.columns_[j].low, other.columns_[j].high);
    if (!was_seen) center_[j] = other.center_[j];
    return factor;
  }

  /// What follows from the state.
  void set_up() {
    inverse_.resize(size());
    least_.resize(size());
    most_.resize(size());
    for (std::size_t j = 0; j < size(); ++j) {
      inverse_[j] = columns_[j].unit > 0.0 ? 1.0 / columns_[j].unit : 0.0;
      find_limits(j);
    }
  }

  std::size_t memory_bytes() const noexcept {
    return columns_.capacity() * sizeof(Range) +
           (center_.capacity() + inverse_.capacity() + least_.capacity() + most_.capacity()) * sizeof(double);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ColumnRanges", 1);
    ar(self.columns_, self.center_);
    if constexpr (Ar::reading) {
      ar.check(self.center_.size() == self.columns_.size(), "columns");
      for (const Range& column : self.columns_) ar.check(column.sound(), "range or unit of a column");
      for (const double center : self.center_) ar.check(bounded(center, largest_mean), "mean of a column");
      self.set_up();
    }
  }

 private:
  struct Range {
    double low = std::numeric_limits<double>::quiet_NaN();  // NaN: never seen
    double high = std::numeric_limits<double>::quiet_NaN();
    double unit = 0.0;
    double weight = 0.0;      // of values
    double spread = 0.0;      // their squared deviations from the mean
    std::uint32_t count = 0;  // of values, up to `settled`

    bool seen() const noexcept { return !is_nan(low); }

    /// A value outside the range as it is taken.
    double cut(double value, double mean) const noexcept {
      const double reach = 10.0 * std::sqrt(spread / weight);
      return std::min(std::max(value, std::min(low, mean - reach)), std::max(high, mean + reach));
    }

    void merge(const Range& other, double apart) noexcept {
      const double total = weight + other.weight;
      if (total > 0.0) spread += other.spread + apart * apart * weight * (other.weight / total);
      weight = total;
      count = std::min(count + other.count, settled);
    }

    void add(double off, double more, double kept) noexcept {
      const double before = weight * kept;
      weight = before + more;
      spread = spread * kept + off * off * more * (before / weight);
      count = std::min(count + 1, settled);
    }

    bool sound() const noexcept {
      constexpr double most = 1e100;
      if (seen() ? !(is_usable(low) && is_usable(high) && low <= high) : !is_nan(high)) return false;
      const double due = seen() && high > low ? power_above(high - low) : 0.0;
      if (unit != due || (unit > 0.0 && unit < 1e-46) || count > settled) return false;
      return weight >= 0.0 && bounded(weight, most) && spread >= 0.0 && bounded(spread, most) && (weight > 0.0) == seen();
    }

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.low, self.high, self.unit, self.weight, self.spread, self.count);
    }
  };

  void find_limits(std::size_t j) noexcept {
    const Range& column = columns_[j];
    const bool known = column.count >= settled && column.unit > 0.0;
    least_[j] = known ? column.low : -largest_mean;
    most_[j] = known ? column.high : largest_mean;
  }

  std::vector<Range> columns_;
  std::vector<double> center_;   // means
  std::vector<double> inverse_;  // 1 / unit, or 0
  std::vector<double> least_;    // what lies outside is cut
  std::vector<double> most_;
};

}  // namespace rtml::detail
