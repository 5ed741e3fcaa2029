#include "rtml/transform/calendar.hpp"

#include <chrono>
#include <cstdint>
#include <set>
#include <string>

#include "rtml/core/rng.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;

namespace {

struct Visit {
  Time at;
};

Time at(std::chrono::year_month_day date, Duration of_day = Duration(0)) { return std::chrono::sys_days(date) + of_day; }

template <class Feature>
std::uint32_t index_of(const Feature& feature, Time when) {
  FeaturePipeline<Visit> pipeline(feature_set<Visit>("visits", &Visit::at, feature));
  return pipeline(Visit{when}).sparse[0].index;
}

template <class Feature>
float number_of(const Feature& feature, Time when) {
  FeaturePipeline<Visit> pipeline(feature_set<Visit>("visits", &Visit::at, feature));
  return pipeline(Visit{when}).dense[0];
}

const Holidays christmas({2026y / 12 / 26, 2026y / 12 / 25, 2025y / 12 / 25});

}  // namespace

TEST_CASE("Each part of a date is what the calendar says, before 1970 too", "[transform][calendar][property]") {
  CHECK(detail::HourOfWeek::of(at(2026y / 11 / 23).time_since_epoch()) == 0);  // a Monday
  CHECK(detail::HourOfWeek::of(at(2026y / 11 / 29, 23h + 59min).time_since_epoch()) == 167);
  CHECK(detail::DayOfMonth::of(at(2024y / 2 / 29, 1h).time_since_epoch()) == 28);
  CHECK(detail::MonthOfYear::of(at(1969y / 12 / 31, 23h).time_since_epoch()) == 11);
  Rng rng(1);
  for (int round = 0; round < 5000; ++round) {
    const std::chrono::sys_days day(days(static_cast<int>(rng.below(60'000)) - 30'000));
    const std::chrono::year_month_day date(day);
    const auto hour = static_cast<int>(rng.below(24));
    const Duration since = day.time_since_epoch() + hours(hour);
    REQUIRE(detail::DayOfMonth::of(since) + 1 == static_cast<unsigned>(date.day()));
    REQUIRE(detail::MonthOfYear::of(since) + 1 == static_cast<unsigned>(date.month()));
    const unsigned weekday = std::chrono::weekday(day).iso_encoding() - 1;
    REQUIRE(detail::HourOfWeek::of(since) == weekday * 24 + static_cast<unsigned>(hour));
  }
}

TEST_CASE("Parts are categories of their own, by the clock of the place", "[transform][calendar]") {
  std::set<std::uint32_t> months;
  for (unsigned month = 1; month <= 12; ++month) months.insert(index_of(month_of_year("m"), at(2026y / std::chrono::month(month) / 3)));
  CHECK(months.size() == 12);
  CHECK(index_of(day_of_month("d"), at(2026y / 3 / 5)) == index_of(day_of_month("d"), at(2026y / 4 / 5)));
  CHECK(index_of(day_of_month("d", -5h), at(2026y / 3 / 5, 3h)) == index_of(day_of_month("d"), at(2026y / 3 / 4)));
  CHECK(index_of(hour_of_week("w"), at(2026y / 11 / 23, 9h)) == index_of(hour_of_week("w"), at(2026y / 11 / 30, 9h + 59min)));
  CHECK(index_of(hour_of_week("w"), at(2026y / 11 / 23, 9h)) != index_of(hour_of_week("w"), at(2026y / 11 / 24, 9h)));
}

TEST_CASE("On a circle December lies beside January", "[transform][calendar]") {
  const auto circle = month_of_year("m") | cyclic();
  FeaturePipeline<Visit> pipeline(feature_set<Visit>("visits", &Visit::at, circle));
  const auto point = [&](unsigned month) {
    const Features x = pipeline(Visit{at(2026y / std::chrono::month(month) / 1)});
    return std::pair(x.dense[0], x.dense[1]);
  };
  const auto distance = [](auto a, auto b) { return std::hypot(a.first - b.first, a.second - b.second); };
  CHECK(distance(point(12), point(1)) == Approx(distance(point(6), point(7))));
  CHECK(distance(point(1), point(7)) == Approx(2.0));
}

TEST_CASE("A holiday is the whole day, by the clock of its place", "[transform][calendar]") {
  const auto holiday = is_holiday("holiday", christmas);
  CHECK(number_of(holiday, at(2026y / 12 / 25)) == 1.0F);
  CHECK(number_of(holiday, at(2026y / 12 / 26, 23h + 59min + 59s)) == 1.0F);
  CHECK(number_of(holiday, at(2026y / 12 / 27)) == 0.0F);
  CHECK(number_of(holiday, at(2026y / 12 / 24, 23h)) == 0.0F);
  CHECK(number_of(is_holiday("holiday", Holidays({2026y / 12 / 25}, 2h)), at(2026y / 12 / 24, 23h)) == 1.0F);
}

TEST_CASE("Days until the next holiday are counted down to 0, from a limit", "[transform][calendar]") {
  const auto until = days_to_holiday("until", christmas, 7);
  CHECK(number_of(until, at(2026y / 12 / 20, 13h)) == 5.0F);
  CHECK(number_of(until, at(2026y / 12 / 24)) == 1.0F);
  CHECK(number_of(until, at(2026y / 12 / 25, 23h)) == 0.0F);
  CHECK(number_of(until, at(2026y / 12 / 26)) == 0.0F);
  CHECK(number_of(until, at(2025y / 12 / 27)) == 7.0F);
  CHECK(number_of(until, at(2026y / 12 / 27)) == 7.0F);  // none is known
  CHECK(number_of(until | log1p(), at(2026y / 12 / 24)) == Approx(0.6931472));
}

TEST_CASE("Which days are holidays is part of the definition, in any order", "[transform][calendar]") {
  const auto definition = [](const Holidays& holidays) {
    return feature_set<Visit>("visits", &Visit::at, is_holiday("h", holidays)).schema().columns()[0].definition;
  };
  CHECK(definition(christmas) == "is_holiday(1,2025-12-25,2026-12-25,2026-12-26+0us)");
  CHECK(definition(Holidays({2025y / 12 / 25, 2026y / 12 / 25, 2026y / 12 / 26, 2026y / 12 / 26})) == definition(christmas));
  CHECK(definition(Holidays({2026y / 1 / 2}, 1h)) == "is_holiday(1,2026-01-02+3600000000us)");
}

TEST_CASE("Days that no calendar has are refused", "[transform][calendar]") {
  CHECK_THROWS_WITH(Holidays({}), "Holidays: dates is 0, must be 1 to 10,000");
  CHECK_THROWS_WITH(Holidays({2026y / 2 / 30}), "Holidays: date is \"2026-02-30\", must be a day of 1870 to 2069");
  CHECK_THROWS_AS(Holidays({2070y / 1 / 1}), ConfigError);
  CHECK_THROWS_AS(Holidays({2026y / 1 / 1}, 25h), ConfigError);
  CHECK_THROWS_WITH(days_to_holiday("d", christmas, 0), "days_to_holiday: most is 0, must be in [1, 366]");
}
