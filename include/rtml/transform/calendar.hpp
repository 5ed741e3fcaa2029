#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/category.hpp"
#include "rtml/transform/detail/binding.hpp"

namespace rtml {
namespace detail {

/// {sin, cos} of 2 pi k / N, worked out by the compiler: no machine's libm has a say in served bits.
template <std::size_t N>
constexpr std::array<std::array<float, 2>, N> circle() noexcept {
  std::array<std::array<float, 2>, N> points{};
  for (std::size_t k = 0; k < N; ++k) {
    const double angle = 6.283185307179586 * static_cast<double>(k) / static_cast<double>(N);
    double sine = 0.0;
    double cosine = 0.0;
    double term = 1.0;  // angle^n / n!
    for (int n = 0; n < 40; n += 2) {
      const double sign = n % 4 == 0 ? 1.0 : -1.0;
      cosine += sign * term;
      term *= angle / (n + 1);
      sine += sign * term;
      term *= angle / (n + 2);
    }
    points[k] = {static_cast<float>(sine), static_cast<float>(cosine)};
  }
  return points;
}

struct HourOfDay {
  static constexpr std::string_view name = "hour_of_day";
  static constexpr std::size_t parts = 24;
  static std::size_t of(Duration since_epoch) noexcept {
    const auto hour = std::chrono::floor<std::chrono::hours>(since_epoch).count() % 24;
    return static_cast<std::size_t>(hour < 0 ? hour + 24 : hour);
  }
};

struct DayOfWeek {
  static constexpr std::string_view name = "day_of_week";
  static constexpr std::size_t parts = 7;
  static std::size_t of(Duration since_epoch) noexcept {
    const auto day = (std::chrono::floor<days>(since_epoch).count() + 3) % 7;  // the epoch was a Thursday
    return static_cast<std::size_t>(day < 0 ? day + 7 : day);
  }
};

struct HourOfWeek {
  static constexpr std::string_view name = "hour_of_week";
  static constexpr std::size_t parts = 168;
  static std::size_t of(Duration since_epoch) noexcept { return DayOfWeek::of(since_epoch) * 24 + HourOfDay::of(since_epoch); }
};

inline std::chrono::year_month_day date_of(Duration since_epoch) noexcept {
  return std::chrono::sys_days(std::chrono::floor<days>(since_epoch));
}

struct DayOfMonth {
  static constexpr std::string_view name = "day_of_month";
  static constexpr std::size_t parts = 31;
  static std::size_t of(Duration since_epoch) noexcept { return static_cast<unsigned>(date_of(since_epoch).day()) - 1; }
};

struct MonthOfYear {
  static constexpr std::string_view name = "month_of_year";
  static constexpr std::size_t parts = 12;
  static std::size_t of(Duration since_epoch) noexcept { return static_cast<unsigned>(date_of(since_epoch).month()) - 1; }
};

struct Cyclic {};

}  // namespace detail

/// Places a calendar part on a circle, so that 23 h lies beside 0 h.
constexpr detail::Cyclic cyclic() noexcept { return {}; }

/// A part of the event's time as two dense columns NAME.sin and NAME.cos. Made by `hour_of_day(...) | cyclic()`.
template <class Part>
class CyclicPart {
 public:
  static constexpr bool reads_time = true;

  CyclicPart(std::string name, Duration offset) : name_(std::move(name)), offset_(offset) {}

  template <class Event>
  void bind(detail::Binding<Event>& binding) {
    const std::string definition =
        std::string(Part::name) + "(" + to_text(offset_.count()) + "us)" + binding.time_suffix(name_) + "|cyclic";
    binding.add({name_ + ".sin", definition});
    binding.add({name_ + ".cos", definition});
  }

  template <class Event>
  void compute(const Event& /*event*/, detail::Cursor& cursor) const noexcept {
    static constexpr auto points = detail::circle<Part::parts>();
    const auto& point = points[Part::of(cursor.at.time_since_epoch() + offset_)];
    *cursor.dense++ = point[0];
    *cursor.dense++ = point[1];
  }

 private:
  std::string name_;
  Duration offset_;
};

/// A part of the event's time as a hashed category.
template <class Part>
class CalendarPart : public detail::OneHashed<CalendarPart<Part>> {
 public:
  static constexpr bool reads_time = true;

  CalendarPart(std::string name, Duration offset) : detail::OneHashed<CalendarPart>(std::move(name)), offset_(offset) {
    require(Part::name, "utc_offset (us)", offset.count(), offset >= -days(1) && offset <= days(1), "in [-1, 1] days");
  }

  template <class Event>
  std::string definition(const detail::Binding<Event>& binding) const {
    return std::string(Part::name) + "(" + to_text(offset_.count()) + "us)" + binding.time_suffix(this->name());
  }

  template <class Event>
  std::uint64_t hash(const Event& /*event*/, const detail::Cursor& cursor, std::uint64_t seed) const noexcept {
    return hash_integer(Part::of(cursor.at.time_since_epoch() + offset_), seed);
  }

  friend CyclicPart<Part> operator|(CalendarPart part, detail::Cyclic /*circle*/) { return {part.name(), part.offset_}; }

 private:
  Duration offset_;
};

/// 0 to 23. `utc_offset`: of the place whose clock counts, e.g. hours(-5).
inline CalendarPart<detail::HourOfDay> hour_of_day(std::string name, Duration utc_offset = Duration(0)) {
  return {std::move(name), utc_offset};
}

/// Monday is 0, Sunday 6.
inline CalendarPart<detail::DayOfWeek> day_of_week(std::string name, Duration utc_offset = Duration(0)) {
  return {std::move(name), utc_offset};
}

/// Monday's first hour is 0, Sunday's last 167: rush hours and week-ends in one.
inline CalendarPart<detail::HourOfWeek> hour_of_week(std::string name, Duration utc_offset = Duration(0)) {
  return {std::move(name), utc_offset};
}

/// The first is 0.
inline CalendarPart<detail::DayOfMonth> day_of_month(std::string name, Duration utc_offset = Duration(0)) {
  return {std::move(name), utc_offset};
}

/// January is 0.
inline CalendarPart<detail::MonthOfYear> month_of_year(std::string name, Duration utc_offset = Duration(0)) {
  return {std::move(name), utc_offset};
}

}  // namespace rtml
