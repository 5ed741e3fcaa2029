#include "rtml/stream/delayed_labels.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/rng.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::from_unix_seconds;
using rtml::stream::Delay;
using rtml::stream::DelayedLabels;

static_assert(rtml::Checkpointable<DelayedLabels<std::uint64_t>> && rtml::Sized<DelayedLabels<std::uint64_t>>);

TEST_CASE("a label delayed by n rows comes out after n later rows, in order", "[stream][delay]") {
  for (const std::uint64_t n : {0u, 1u, 7u}) {
    DelayedLabels<std::uint64_t> labels(Delay::of_rows(n), 100);
    std::uint64_t next = 0;
    for (std::uint64_t row = 0; row < 50; ++row) {
      CHECK(labels.push({}, row));
      std::uint64_t label = 0;
      while (labels.pop(label)) {
        CHECK(label == next++);
        CHECK(label + n == row);
      }
    }
    CAPTURE(n);
    CHECK(next == 50 - n);
    CHECK(labels.size() == n);
    std::uint64_t label = 0;
    while (labels.drain(label)) CHECK(label == next++);
    CHECK(next == 50);
  }
}

TEST_CASE("a label delayed by time comes out once event time is there", "[stream][delay]") {
  DelayedLabels<int> labels(Delay::of_time(std::chrono::seconds(10)), 100);
  int label = -1;
  labels.push(from_unix_seconds(100), 1);
  CHECK_FALSE(labels.pop(label));
  labels.push(from_unix_seconds(109), 2);
  CHECK_FALSE(labels.pop(label));
  labels.push(from_unix_seconds(110), 3);
  REQUIRE(labels.pop(label));
  CHECK(label == 1);
  CHECK_FALSE(labels.pop(label));
  labels.push(from_unix_seconds(50), 4);  // time runs backward: no label is early, and none waits for ever
  CHECK_FALSE(labels.pop(label));
  labels.push(from_unix_seconds(120), 5);
  for (const int expected : {2, 3, 4}) {
    REQUIRE(labels.pop(label));
    CHECK(label == expected);
  }
  CHECK_FALSE(labels.pop(label));
}

TEST_CASE("labels come out in order and in time, in bursts and lulls, when time runs backward too", "[stream][delay][property]") {
  const auto seed = GENERATE(range(1u, 21u));
  rtml::Rng rng(seed);
  DelayedLabels<std::uint64_t> labels(Delay::of_time(std::chrono::seconds(20)), 1000);
  std::deque<std::pair<std::int64_t, std::uint64_t>> waiting;  // due, label
  std::int64_t clock = 0;
  std::int64_t newest = 0;
  bool right = true;
  for (std::uint64_t row = 0; row < 600; ++row) {
    clock += static_cast<std::int64_t>(rng.below(row / 100 % 2 == 0 ? 2 : 9)) - (rng.below(9) == 0 ? 15 : 0);
    newest = row == 0 ? clock : std::max(newest, clock);
    labels.push(from_unix_seconds(clock), row);
    waiting.emplace_back(newest + 20, row);
    if (row % 3 != 0) continue;  // the queue knows what time it was, whoever asks and when
    std::uint64_t label = 0;
    while (!waiting.empty() && waiting.front().first <= newest) {
      right = right && labels.pop(label) && label == waiting.front().second;
      waiting.pop_front();
    }
    right = right && !labels.pop(label) && labels.size() == waiting.size();
  }
  CAPTURE(seed);
  CHECK(right);
}

TEST_CASE("a full queue of labels refuses the newest, and counts it", "[stream][delay]") {
  DelayedLabels<int> labels(Delay::of_time(std::chrono::hours(1)), 3);
  for (int i = 0; i < 5; ++i) CHECK(labels.push(from_unix_seconds(i), i) == (i < 3));
  CHECK(labels.dropped() == 2);
  CHECK(labels.size() == 3);
  int label = -1;
  CHECK(labels.drain(label));
  CHECK(label == 0);
  CHECK(labels.push(from_unix_seconds(10), 10));
  CHECK(labels.memory_bytes() < 1000);
}

TEST_CASE("a queue of labels saved and loaded goes on as before", "[stream][delay][archive]") {
  for (const Delay delay : {Delay::of_rows(5), Delay::of_time(std::chrono::seconds(4))}) {
    DelayedLabels<std::vector<float>> labels(delay, 9);
    const DelayedLabels<std::vector<float>> blank = labels;
    rtml::Rng rng(3);
    std::vector<float> label;
    const auto step = [&](auto& queue, int i) {
      queue.push(from_unix_seconds(i / 2), std::vector<float>(static_cast<std::size_t>(i % 3), static_cast<float>(i)));
    };
    for (int i = 0; i < 17; ++i) {
      step(labels, i);
      while (labels.pop(label)) continue;
    }
    rtml::testing::check_archive(labels, blank, [&](auto& read) {
      for (int i = 17; i < 30; ++i) step(read, i);
      while (read.pop(label)) continue;
    });
    auto restored = blank;
    rtml::load(restored, rtml::save(labels));
    std::vector<float> other;
    for (int i = 17; i < 60; ++i) {
      step(labels, i);
      step(restored, i);
      for (;;) {
        const bool there = labels.pop(label);
        REQUIRE(restored.pop(other) == there);
        if (!there) break;
        CHECK(label == other);
      }
    }
    DelayedLabels<std::vector<float>> smaller(delay, 8);
    CHECK_THROWS_AS(rtml::load(smaller, rtml::save(labels)), rtml::FormatError);
    DelayedLabels<std::vector<float>> later(Delay::of_rows(6), 9);
    CHECK_THROWS_AS(rtml::load(later, rtml::save(labels)), rtml::FormatError);
  }
}

TEST_CASE("Delay reads rows and spans of time, and names what is neither", "[stream][delay][config]") {
  CHECK(Delay::parse("100") == Delay::of_rows(100));
  CHECK(Delay::parse("30s") == Delay::of_time(std::chrono::seconds(30)));
  CHECK(Delay::parse("90m") == Delay::of_time(std::chrono::minutes(90)));
  CHECK(Delay::parse("12h") == Delay::of_time(std::chrono::hours(12)));
  CHECK(Delay::parse("7d") == Delay::of_time(rtml::days(7)));
  for (const char* text : {"", "d", "-1", "7 d", "7w", "1.5h", "99999999999d"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Delay::parse(text), rtml::ConfigError);
  }
  CHECK_THROWS_WITH(Delay::parse("week"), "Delay: delay is \"week\", must be a number of rows, or of s, m, h or d, as in 100 or 7d");
  CHECK_THROWS_WITH(DelayedLabels<int>(Delay::of_rows(9), 9), "DelayedLabels: capacity is 9, must be above the delay of 9 rows");
  CHECK_THROWS_AS(DelayedLabels<int>(Delay{}, 0), rtml::ConfigError);
  CHECK_THROWS_AS(DelayedLabels<int>(Delay::of_time(std::chrono::seconds(-1)), 5), rtml::ConfigError);
}
