#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/time.hpp"

namespace rtml::monitor {

/// A value as it was at one event.
struct Point {
  std::uint64_t event = 0;
  Time at{};           ///< the epoch when the stream has no time
  double value = 0.0;  ///< NaN = not known there: a gap

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.event, self.at, self.value);
  }
};

/// The whole history of one number in bounded memory: when it is full, two neighbours become one and new points come half as often.
/// The most recent point is always there. Allocates only while it fills for the first time.
class Series {
 public:
  enum class Keep : std::uint8_t {
    first,    ///< of the points that become one, the first: the series starts where the stream did
    largest,  ///< the one with the largest value: no peak is lost with age
  };

  struct Options {
    std::size_t capacity = 256;  ///< points at most; even, in [4, 65536]
    Keep keep = Keep::first;
  };

  Series() : Series("", "", Options{}) {}
  Series(std::string name, std::string unit) : Series(std::move(name), std::move(unit), Options{}) {}

  /// `unit` follows the numbers ("%", "ms"); empty for a plain number.
  /// @throws ConfigError if an option is outside its documented range.
  Series(std::string name, std::string unit, const Options& options) : name_(std::move(name)), unit_(std::move(unit)), options_(options) {
    require("Series", "capacity", options.capacity, is_capacity(options.capacity), "even and in [4, 65536]");
  }

  const std::string& name() const noexcept { return name_; }
  const std::string& unit() const noexcept { return unit_; }

  /// Amortised O(1). Points come in the order of their events.
  void add(const Point& point) {
    if (added_ % stride_ == 0) {
      if (kept_.size() == options_.capacity - 2) halve();
    }
    if (added_ % stride_ == 0) {
      kept_.push_back(point);
    } else {
      kept_.back() = chosen(kept_.back(), point);
    }
    last_ = point;
    ++added_;
  }

  bool empty() const noexcept { return added_ == 0; }

  /// How many were added, those that became one included.
  std::uint64_t added() const noexcept { return added_; }

  /// What is kept, by event, the most recent point last: at most `capacity`.
  std::vector<Point> points() const {
    std::vector<Point> points = kept_;
    if (!empty() && points.back().event != last_.event) points.push_back(last_);
    return points;
  }

  /// The most recent point; a point at event 0 when there is none.
  const Point& last() const noexcept { return last_; }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + name_.capacity() + unit_.capacity() + kept_.capacity() * sizeof(Point);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Series", 1);
    std::uint64_t capacity = self.options_.capacity;
    ar(self.name_, self.unit_, capacity, self.options_.keep, self.kept_, self.last_, self.stride_, self.added_);
    ar.check(capacity <= most && is_capacity(static_cast<std::size_t>(capacity)), "capacity");
    ar.check(self.options_.keep <= Keep::largest, "keep");
    ar.check(std::has_single_bit(self.stride_) && self.stride_ <= std::uint64_t{1} << 40U, "stride");
    const std::uint64_t groups = self.added_ / self.stride_ + (self.added_ % self.stride_ != 0 ? 1 : 0);
    ar.check(self.kept_.size() <= capacity - 2 && self.kept_.size() == groups, "points");
    if constexpr (Ar::reading) self.options_.capacity = static_cast<std::size_t>(capacity);
  }

 private:
  static constexpr std::size_t most = 65536;
  static constexpr bool is_capacity(std::size_t capacity) noexcept { return capacity >= 4 && capacity <= most && capacity % 2 == 0; }

  Point chosen(const Point& earlier, const Point& later) const noexcept {
    const bool later_is_larger = is_nan(earlier.value) || later.value > earlier.value;
    return options_.keep == Keep::largest && !is_nan(later.value) && later_is_larger ? later : earlier;
  }

  void halve() noexcept {
    for (std::size_t i = 0; i < kept_.size() / 2; ++i) kept_[i] = chosen(kept_[2 * i], kept_[2 * i + 1]);
    kept_.resize(kept_.size() / 2);
    stride_ *= 2;
  }

  std::string name_;
  std::string unit_;
  Options options_;
  std::vector<Point> kept_;  // one of every `stride_` added
  Point last_;
  std::uint64_t stride_ = 1;
  std::uint64_t added_ = 0;
};

}  // namespace rtml::monitor
