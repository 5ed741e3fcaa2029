#include "rtml/core/partitioned_watermark.hpp"

#include <algorithm>
#include <vector>

#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::days;
using rtml::from_unix_seconds;
using rtml::PartitionedWatermark;
using rtml::seconds;
using rtml::Time;

namespace {

constexpr std::int64_t began = 1'700'000'000;

Time event_second(std::int64_t second) { return from_unix_seconds(began + second); }

}  // namespace

TEST_CASE("Partitioned event time is that of the partition furthest behind, once all have sent something", "[core]") {
  PartitionedWatermark watermark({.partitions = 3, .idle = seconds(60)});
  CHECK(watermark.advance(0, event_second(100), event_second(0)) == PartitionedWatermark::unknown);
  CHECK(watermark.advance(1, event_second(70), event_second(1)) == PartitionedWatermark::unknown);
  CHECK(watermark.advance(2, event_second(90), event_second(2)) == event_second(70));
  CHECK(watermark.advance(1, event_second(95), event_second(3)) == event_second(90));
  CHECK(watermark.advance(2, event_second(50), event_second(4)) == event_second(90));  // never back
  CHECK(watermark.now() == event_second(90));
}

TEST_CASE("A partition that sends nothing for longer than `idle` holds nobody back, and is waited for again when it sends", "[core]") {
  PartitionedWatermark watermark({.partitions = 2, .idle = seconds(60)});
  watermark.advance(0, event_second(10), event_second(0));
  watermark.advance(1, event_second(10), event_second(0));
  CHECK(watermark.advance(0, event_second(500), event_second(60)) == event_second(10));  // idle has not passed yet
  CHECK_FALSE(watermark.is_idle(1));
  CHECK(watermark.advance(0, event_second(501), event_second(61)) == event_second(501));
  CHECK(watermark.is_idle(1));
  CHECK(watermark.advance(1, event_second(300), event_second(62)) == event_second(501));  // late, and waited for
  CHECK_FALSE(watermark.is_idle(1));
  CHECK(watermark.advance(0, event_second(900), event_second(63)) == event_second(501));
  CHECK(watermark.advance(1, event_second(700), event_second(64)) == event_second(700));
}

TEST_CASE("A partition that never sends is waited for since the first word of any, and no longer than `idle`", "[core]") {
  PartitionedWatermark watermark({.partitions = 2, .idle = seconds(60)});
  CHECK(watermark.advance(0, event_second(10), event_second(0)) == PartitionedWatermark::unknown);
  CHECK(watermark.advance(0, event_second(20), event_second(60)) == PartitionedWatermark::unknown);
  CHECK(watermark.advance(0, event_second(30), event_second(61)) == event_second(30));
}

TEST_CASE("When all partitions are idle, time is that of the furthest; the caller's clock never goes back", "[core]") {
  PartitionedWatermark watermark({.partitions = 2, .idle = seconds(60)});
  watermark.advance(0, event_second(100), event_second(0));
  CHECK(watermark.advance(1, event_second(40), event_second(5)) == event_second(40));
  CHECK(watermark.pass(event_second(60)) == event_second(40));
  CHECK(watermark.pass(event_second(65)) == event_second(40));  // the first is idle, the second not yet
  CHECK(watermark.pass(event_second(66)) == event_second(100));
  CHECK(watermark.pass(event_second(0)) == event_second(100));
  CHECK(watermark.is_idle(1));
  watermark.advance(1, event_second(50), event_second(0));
  CHECK_FALSE(watermark.is_idle(1));
}

TEST_CASE("A wrong clock in one partition moves no time, not even as its first event", "[core]") {
  PartitionedWatermark watermark({.partitions = 2, .idle = seconds(60)});
  watermark.advance(0, event_second(0) + days(10'000), event_second(0));
  watermark.advance(1, event_second(0) + days(10'000), event_second(0));
  CHECK(watermark.now() == event_second(0) + days(10'000));
  for (int i = 1; i < 20; ++i)
    for (const std::size_t partition : {0U, 1U}) watermark.advance(partition, event_second(i), event_second(i));
  CHECK(watermark.now() == event_second(19));
  watermark.advance(0, event_second(0) + days(10'000), event_second(20));
  watermark.advance(1, event_second(20), event_second(20));
  CHECK(watermark.now() == event_second(19));
  CHECK(watermark.refused() == 3);
}

TEST_CASE("Partitioned event time is what going through all partitions anew says, for any order of words", "[core][property]") {
  const auto seed = GENERATE(range(1U, 9U));
  constexpr std::size_t partitions = 5;
  const auto idle = seconds(30);
  rtml::Rng rng(seed);
  PartitionedWatermark watermark({.partitions = partitions, .idle = idle});
  std::vector<Time> latest(partitions, PartitionedWatermark::unknown);
  std::vector<Time> heard(partitions, event_second(0));
  watermark.pass(event_second(0));
  Time expected = PartitionedWatermark::unknown;
  std::int64_t clock = 0;
  for (int i = 0; i < 3000; ++i) {
    clock += static_cast<std::int64_t>(rng.below(8) * rng.below(8));
    if (rng.below(4) == 0) {
      watermark.pass(event_second(clock));
    } else {
      const std::size_t partition = rng.below(rng.below(partitions) + 1);
      const Time at = event_second(clock + static_cast<std::int64_t>(rng.below(100)));
      watermark.advance(partition, at, event_second(clock));
      latest[partition] = std::max(latest[partition], at);
      heard[partition] = event_second(clock);
    }
    std::vector<Time> awaited;
    for (std::size_t p = 0; p < partitions; ++p) {
      REQUIRE(watermark.is_idle(p) == (event_second(clock) > heard[p] + idle));
      if (!watermark.is_idle(p)) awaited.push_back(latest[p]);
    }
    const Time now = awaited.empty() ? *std::max_element(latest.begin(), latest.end()) : *std::min_element(awaited.begin(), awaited.end());
    expected = std::max(expected, now);
    REQUIRE(watermark.now() == expected);
  }
  CHECK(watermark.refused() == 0);
}

TEST_CASE("A partitioned watermark keeps the laws of archives, goes on as before, and allocates nothing", "[core][archive]") {
  const PartitionedWatermark::Options options{.partitions = 3, .idle = seconds(60)};
  PartitionedWatermark watermark(options);
  for (int i = 0; i < 40; ++i) watermark.advance(static_cast<std::size_t>(i) % 2, event_second(i), event_second(i));
  rtml::testing::check_archive(watermark, PartitionedWatermark(options), [](PartitionedWatermark& read) {
    read.advance(2, event_second(100), event_second(100));
    read.pass(event_second(10'000));
  });
  PartitionedWatermark restored(options);
  rtml::load(restored, rtml::save(watermark));
  const rtml::testing::AllocationCounter counter;
  for (int i = 40; i < 200; ++i) {
    const Time expected = watermark.advance(1, event_second(i), event_second(i));
    if (restored.advance(1, event_second(i), event_second(i)) != expected) FAIL("another time");
  }
  const auto allocations = counter.count();
  CHECK(allocations == 0);
  CHECK(restored.now() == watermark.now());
  CHECK(restored.now() > event_second(100));                                                          // the third never sent anything
  PartitionedWatermark strict({.partitions = 3, .idle = seconds(60), .largest_step = seconds(600)});  // options stay as they are
  rtml::load(strict, rtml::save(watermark));
  const Time before = strict.now();
  CHECK(strict.advance(1, before + seconds(601), event_second(200)) == before);
  CHECK(strict.advance(1, before + seconds(600), event_second(200)) == before + seconds(600));
  PartitionedWatermark fewer({.partitions = 2});
  CHECK_THROWS_AS(rtml::load(fewer, rtml::save(watermark)), rtml::FormatError);
}

TEST_CASE("A partitioned watermark names the option that is out of range", "[core][config]") {
  using rtml::ConfigError;
  CHECK_THROWS_WITH(PartitionedWatermark({.partitions = 0}), "PartitionedWatermark: partitions is 0, must be in [1, 65536]");
  CHECK_THROWS_WITH(PartitionedWatermark({.idle = seconds(0)}), "PartitionedWatermark: idle (us) is 0, must be in (0, 36500 days]");
  CHECK_THROWS_AS(PartitionedWatermark({.largest_step = seconds(-1)}), ConfigError);
  CHECK_THROWS_AS(PartitionedWatermark({.idle = days(40'000)}), ConfigError);
}
