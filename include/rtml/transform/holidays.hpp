#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/operations.hpp"

namespace rtml {

/// Days that the host says are special, by the calendar of a place. Cheap to copy.
class Holidays {
 public:
  /// Dates in any order. `utc_offset`: of the place whose days they are.
  /// @throws ConfigError when there is none, more than 10,000, or one that no calendar has
  explicit Holidays(const std::vector<std::chrono::year_month_day>& dates, Duration utc_offset = Duration(0)) : offset_(utc_offset) {
    require("Holidays", "dates", dates.size(), !dates.empty() && dates.size() <= 10'000, "1 to 10,000");
    require("Holidays", "utc_offset (us)", utc_offset.count(), utc_offset >= -days(1) && utc_offset <= days(1), "in [-1, 1] days");
    std::vector<std::int64_t> numbers;
    for (const auto& date : dates) {
      require("Holidays", "date", text(date), date.ok() && date.year() >= year(1870) && date.year() < year(2070), "a day of 1870 to 2069");
      numbers.push_back(std::chrono::sys_days(date).time_since_epoch().count());
    }
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    days_ = std::make_shared<const std::vector<std::int64_t>>(std::move(numbers));
  }

  /// Days from that of `at` until the next holiday, 0 on one; `most` when there is none within so many.
  std::int64_t until_next(Time at, std::int64_t most) const noexcept {
    const std::int64_t today = std::chrono::floor<days>(at.time_since_epoch() + offset_).count();
    const auto next = std::lower_bound(days_->begin(), days_->end(), today);
    return next == days_->end() ? most : std::min(*next - today, most);
  }

  /// "2026-12-25,2026-12-26+3600000000us"
  std::string definition() const {
    std::string all;
    for (const std::int64_t day : *days_) all += (all.empty() ? "" : ",") + text(std::chrono::sys_days(days(day)));
    return all + "+" + to_text(offset_.count()) + "us";
  }

 private:
  using year = std::chrono::year;

  static std::string text(const std::chrono::year_month_day& date) {
    const auto two = [](unsigned number) { return (number < 10 ? "0" : "") + to_text(number); };
    return to_text(static_cast<int>(date.year())) + "-" + two(static_cast<unsigned>(date.month())) + "-" +
           two(static_cast<unsigned>(date.day()));
  }

  std::shared_ptr<const std::vector<std::int64_t>> days_;  // since the epoch, ascending
  Duration offset_;
};

namespace detail {

class HolidayInput {
 public:
  static constexpr bool reads_time = true;

  HolidayInput(std::string_view kind, Holidays holidays, std::int64_t most) : kind_(kind), holidays_(std::move(holidays)), most_(most) {}

  template <class Event>
  std::string bind(Binding<Event>& binding, const std::string& name) const {
    return std::string(kind_) + "(" + to_text(most_) + "," + holidays_.definition() + ")" + binding.time_suffix(name);
  }

 protected:
  std::int64_t until_next(const Cursor& cursor) const noexcept { return holidays_.until_next(cursor.at, most_); }

 private:
  std::string_view kind_;
  Holidays holidays_;
  std::int64_t most_;
};

struct IsHoliday : HolidayInput {
  explicit IsHoliday(Holidays holidays) : HolidayInput("is_holiday", std::move(holidays), 1) {}
  template <class Event>
  float read(const Event& /*event*/, const Cursor& cursor) const noexcept {
    return until_next(cursor) == 0 ? 1.0F : 0.0F;
  }
};

struct DaysToHoliday : HolidayInput {
  DaysToHoliday(Holidays holidays, std::int64_t most) : HolidayInput("days_to_holiday", std::move(holidays), most) {}
  template <class Event>
  float read(const Event& /*event*/, const Cursor& cursor) const noexcept {
    return static_cast<float>(until_next(cursor));
  }
};

}  // namespace detail

/// 1 on a holiday, else 0, as a dense column. O(log n).
inline auto is_holiday(std::string name, Holidays holidays) {
  return detail::Scalar<detail::IsHoliday>(std::move(name), detail::IsHoliday(std::move(holidays)), std::tuple<>{});
}

/// Days until the next holiday, 0 on one, at most `most`, as a dense column. O(log n).
inline auto days_to_holiday(std::string name, Holidays holidays, int most = 14) {
  require("days_to_holiday", "most", most, most >= 1 && most <= 366, "in [1, 366]");
  return detail::Scalar<detail::DaysToHoliday>(std::move(name), detail::DaysToHoliday(std::move(holidays), most), std::tuple<>{});
}

}  // namespace rtml
