#include "rtml/store/temporal_split.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "store_rows.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::second;

namespace {

struct TimedRows {
  std::vector<Time> events;
  std::vector<Time> labels;
};

/// Rows of 100 days in no order, with equal times; labels up to 5 days later, or never.
TimedRows timed_rows(std::uint64_t seed, std::size_t n) {
  Rng rng(seed);
  TimedRows rows;
  for (std::size_t i = 0; i < n; ++i) {
    rows.events.push_back(second(0) + hours(rng.below(2400)));
    rows.labels.push_back(rng.below(10) == 0 ? Time::max() : rows.events.back() + minutes(rng.below(7200)));
  }
  return rows;
}

std::string message_of_split(const TimedRows& rows, const ForwardChaining& options) {
  try {
    static_cast<void>(forward_chaining(rows.events, rows.labels, options));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("Nothing that training saw was known later than the embargo before the test", "[store]") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U, 6U}) {
    const TimedRows rows = timed_rows(seed, 900);
    ForwardChaining options{.folds = seed, .test = days(3 + seed), .embargo = hours(17 * (seed - 1))};
    if (seed % 2 == 0) options.train_on = days(20);
    const std::vector<TemporalSplit> splits = forward_chaining(rows.events, rows.labels, options);
    REQUIRE(splits.size() == seed);
    CHECK(splits.back().test_end == *std::max_element(rows.events.begin(), rows.events.end()) + 1us);
    std::set<std::size_t> tested;
    for (std::size_t k = 0; k < splits.size(); ++k) {
      const TemporalSplit& split = splits[k];
      CHECK(split.test_end - split.test_begin == options.test);
      if (k > 0) CHECK(split.test_begin == splits[k - 1].test_end);
      std::vector<std::size_t> train;  // by the definition, row by row
      std::vector<std::size_t> test;
      std::size_t purged = 0;
      for (std::size_t i = 0; i < rows.events.size(); ++i) {
        const Time cut = split.test_begin - options.embargo;
        if (rows.events[i] >= split.test_begin && rows.events[i] < split.test_end) test.push_back(i);
        if (rows.events[i] >= cut || (options.train_on && rows.events[i] < cut - *options.train_on)) continue;
        if (rows.labels[i] < cut) train.push_back(i);
        if (rows.labels[i] >= cut) ++purged;
      }
      CHECK(purged > 0);
      CHECK(split.purged == purged);
      const auto by_time = [&](std::size_t a, std::size_t b) { return rows.events[a] < rows.events[b]; };
      CHECK(std::is_sorted(split.train.begin(), split.train.end(), by_time));
      CHECK(std::is_sorted(split.test.begin(), split.test.end(), by_time));
      std::stable_sort(train.begin(), train.end(), by_time);
      std::stable_sort(test.begin(), test.end(), by_time);
      CHECK(split.train == train);
      CHECK(split.test == test);
      for (const std::size_t row : split.test) CHECK(tested.insert(row).second);
    }
  }
}

TEST_CASE("A label that becomes known as the embargo begins is too late", "[store]") {
  const TimedRows rows{{second(0), second(10), second(20), second(99)}, {second(50) - 1us, second(50), Time::max(), second(99)}};
  const std::vector<TemporalSplit> splits =
      forward_chaining(rows.events, rows.labels, {.folds = 1, .test = 40s - 1us, .embargo = 9s + 2us});
  REQUIRE(splits.size() == 1);
  CHECK(splits[0].train_end == second(50));
  CHECK(splits[0].train == std::vector<std::size_t>{0});
  CHECK(splits[0].purged == 2);
  CHECK(splits[0].test == std::vector<std::size_t>{3});
}

TEST_CASE("Splits that cannot be are refused by name", "[store]") {
  const TimedRows rows = timed_rows(7, 500);
  CHECK(message_of_split(rows, {.folds = 0}) == "forward_chaining: folds is 0, must be in [1, 1000]");
  CHECK(message_of_split(rows, {.test = 0s}) == "forward_chaining: test (us) is 0, must be in (0, 36500 days]");
  CHECK(message_of_split(rows, {.embargo = -1us}) == "forward_chaining: embargo (us) is -1, must be in [0, 36500 days]");
  CHECK(message_of_split(rows, {.train_on = 0s}) == "forward_chaining: train_on (us) is 0, must be in (0, 36500 days]");
  CHECK(message_of_split(rows, {.folds = 20}) ==
        "forward_chaining: training rows of split 1 is 0, must be at least one: fewer or shorter folds, or a shorter embargo");
  CHECK(message_of_split({rows.events, {second(1)}}, {}) == "forward_chaining: label_times is 1, must be one for each event time");
  CHECK(message_of_split({}, {}) == "forward_chaining: event_times is 0, must be at least one");
  CHECK(message_of_split({{Time::max()}, {Time::max()}}, {}).find("must be within 36500 days of 1970") != std::string::npos);
}
