#include "rtml/replay/sliding_window.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "replay/replay_samples.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::SlidingWindow;
using rtml::Time;
using rtml::testing::add_numbered;
using rtml::testing::all_intact;
using rtml::testing::number_of;
using rtml::testing::numbers_in;
using rtml::testing::replay_schema;
using std::chrono::seconds;

static_assert(rtml::Checkpointable<SlidingWindow> && rtml::Sized<SlidingWindow>);

namespace {

using Numbers = std::vector<std::uint64_t>;

SlidingWindow window_of(std::size_t capacity, std::optional<rtml::Duration> span = {}) {
  SlidingWindow window({.capacity = capacity, .span = span, .max_sparse = 4});
  window.bind(replay_schema());
  return window;
}

void add_all(SlidingWindow& window, const Numbers& numbers) {
  for (const std::uint64_t number : numbers) add_numbered(window, number);
}

Numbers since(const SlidingWindow& window, std::int64_t from) {
  Numbers numbers;
  for (const rtml::Example row : window.since(rtml::from_unix_seconds(from))) numbers.push_back(number_of(row));
  return numbers;
}

/// What a window must hold, found the slow way: all that came, least recent dropped first.
struct SlowWindow {
  std::size_t capacity;
  std::optional<std::int64_t> span;
  Numbers rows;

  void add(std::uint64_t number) {
    rows.insert(std::upper_bound(rows.begin(), rows.end(), number), number);
    if (rows.size() > capacity) rows.erase(rows.begin());
    while (span && rows.back() - rows.front() > static_cast<std::uint64_t>(*span)) rows.erase(rows.begin());
  }
};

}  // namespace

TEST_CASE("A sliding window keeps the last n examples, oldest first", "[replay]") {
  SlidingWindow window = window_of(3);
  add_all(window, {1, 2});
  CHECK(numbers_in(window) == Numbers{1, 2});
  add_all(window, {3, 4, 5});
  CHECK(numbers_in(window) == Numbers{3, 4, 5});
  CHECK(window.seen() == 5);
  CHECK(all_intact(window));
}

TEST_CASE("A sliding window keeps what is at most `span` older than the newest", "[replay]") {
  SlidingWindow window = window_of(100, seconds(10));
  add_all(window, {1, 5, 11});
  CHECK(numbers_in(window) == Numbers{1, 5, 11});
  add_all(window, {12});
  CHECK(numbers_in(window) == Numbers{5, 11, 12});
  add_all(window, {1000});
  CHECK(numbers_in(window) == Numbers{1000});
}

TEST_CASE("A sliding window is what sorting by time gives, however late examples come", "[replay][property]") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 11)));
  for (const bool spanned : {false, true}) {
    rtml::Rng rng(seed);
    SlidingWindow window = spanned ? window_of(20, seconds(30)) : window_of(20);
    SlowWindow slow{20, spanned ? std::optional<std::int64_t>(30) : std::nullopt, {}};
    std::vector<std::uint64_t> used;
    for (std::uint64_t i = 0; i < 600; ++i) {
      const std::uint64_t number = 100 + 2 * i - (rng.below(4) == 0 ? rng.below(100) : 0);
      add_numbered(window, number);
      slow.add(number);
      CAPTURE(seed, spanned, i, number);
      REQUIRE(numbers_in(window) == slow.rows);
      REQUIRE(all_intact(window));
      const std::uint64_t from = number - rng.below(20);
      Numbers expected = slow.rows;
      expected.erase(expected.begin(), std::lower_bound(expected.begin(), expected.end(), from));
      REQUIRE(since(window, static_cast<std::int64_t>(from)) == expected);
    }
  }
}

TEST_CASE("Examples of one time stay in the order in which they came", "[replay]") {
  SlidingWindow window = window_of(4);
  const rtml::Schema schema = replay_schema();
  for (int i = 0; i < 6; ++i) {
    const float dense[] = {static_cast<float>(i), 0.0F};
    window.add({dense, {}}, 0.0F, 1.0F, rtml::from_unix_seconds(i == 3 ? 4 : 5));
  }
  CHECK(numbers_in(window) == Numbers{1, 2, 4, 5});  // 3 came too late: all that was kept was newer
}

TEST_CASE("since gives all from a time on, that time included", "[replay]") {
  SlidingWindow window = window_of(10);
  CHECK(window.since(Time{}).empty());
  add_all(window, {10, 20, 20, 30});
  CHECK(since(window, 0) == Numbers{10, 20, 20, 30});
  CHECK(since(window, 20) == Numbers{20, 20, 30});
  CHECK(since(window, 21) == Numbers{30});
  CHECK(since(window, 31).empty());
  const auto rows = window.since(rtml::from_unix_seconds(20));
  CHECK(rows.size() == 3);
  CHECK(number_of(rows[2]) == 30);
  CHECK(window.rows().size() == 4);
}

TEST_CASE("Times at both ends of the clock do not overflow a window's span", "[replay][hostile]") {
  SlidingWindow window = window_of(4, seconds(10));
  const float dense[] = {1.0F, 1.0F};
  for (const Time at : {Time::min(), Time::max(), Time::min(), Time{}, Time::max() - seconds(10)}) window.add({dense, {}}, 0.0F, 1.0F, at);
  CHECK(window.size() == 2);
  CHECK(window.at(0).at == Time::max() - seconds(10));
  CHECK(window.at(1).at == Time::max());
}

TEST_CASE("A sliding window gives one example another weight, and leaves the others", "[replay]") {
  SlidingWindow window = window_of(10);
  for (std::uint64_t i = 0; i < 14; ++i) add_numbered(window, i);  // four go
  window.reweigh(3, 0.0F);
  for (std::size_t i = 0; i < window.size(); ++i) {
    CHECK(number_of(window.at(i)) == i + 4);
    CHECK(window.at(i).weight == (i == 3 ? 0.0F : 1.0F));
  }
}

TEST_CASE("A sliding window neither allocates nor grows after bind, late examples included", "[replay]") {
  SlidingWindow window = window_of(64, seconds(1000));
  const std::size_t bytes = window.memory_bytes();
  const rtml::testing::AllocationCounter allocations;
  for (std::uint64_t i = 0; i < 1000; ++i) add_numbered(window, 100 + i - 7 * (i % 5));
  std::uint64_t sum = 0;
  for (const rtml::Example row : window.rows()) sum += number_of(row);
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(sum > 0);
  CHECK(window.memory_bytes() == bytes);
}

TEST_CASE("What is not usable or does not fit is refused by a sliding window and counted", "[replay][hostile]") {
  SlidingWindow window = window_of(4);
  const float bad[] = {1.0F, std::numeric_limits<float>::infinity()};
  const float good[] = {1.0F, 2.0F};
  window.add({bad, {}}, 1.0F, 1.0F, Time{});
  window.add({good, std::vector<rtml::SparseFeature>(5, {1, 1.0F})}, 1.0F, 1.0F, Time{});
  CHECK(window.refused() == 2);
  window.add({good, {}}, 1.0F, 0.0F, Time{});
  CHECK(window.size() == 0);
  SlidingWindow unbound;
  unbound.add({good, {}}, 1.0F, 1.0F, Time{});
  CHECK(unbound.refused() == 1);
}

TEST_CASE("A sliding window saved and loaded goes on as if nothing had been", "[replay]") {
  SlidingWindow window = window_of(8, seconds(50));
  add_all(window, {10, 12, 11, 40, 41, 42, 43, 44, 45, 30});
  SlidingWindow restored({.capacity = 8, .span = seconds(50), .max_sparse = 4});
  rtml::load(restored, rtml::save(window));
  CHECK(numbers_in(restored) == numbers_in(window));
  for (std::uint64_t i = 46; i < 120; ++i) {
    add_numbered(window, i - 3 * (i % 3));
    add_numbered(restored, i - 3 * (i % 3));
    REQUIRE(rtml::save(restored) == rtml::save(window));
  }
  CHECK(all_intact(restored));

  SlidingWindow shorter = window_of(8, seconds(49));
  CHECK_THROWS_AS(rtml::load(shorter, rtml::save(window)), rtml::FormatError);
  window.clear();
  CHECK(window.size() == 0);
  add_all(window, {1});
  CHECK(numbers_in(window) == Numbers{1});
}

TEST_CASE("A damaged archive of a sliding window is refused or harmless", "[replay][hostile]") {
  SlidingWindow window = window_of(6, seconds(50));
  add_all(window, {10, 12, 11, 40, 41, 42, 43, 44, 30});
  rtml::testing::check_archive(window, SlidingWindow({.capacity = 6, .span = seconds(50), .max_sparse = 4}), [](SlidingWindow& read) {
    for (std::size_t i = 1; i < read.size(); ++i) REQUIRE(read.at(i - 1).at <= read.at(i).at);
    for (std::uint64_t i = 30; i < 50; ++i) add_numbered(read, i);
    static_cast<void>(rtml::save(read));
  });
}

TEST_CASE("SlidingWindow names the option that is out of range", "[replay][config]") {
  CHECK_THROWS_WITH(SlidingWindow({.capacity = 0}), "SlidingWindow: capacity is 0, must be in [1, 2^32)");
  CHECK_THROWS_WITH(SlidingWindow({.span = seconds(-1)}), "SlidingWindow: span is -1000000, must be > 0 us");
}
