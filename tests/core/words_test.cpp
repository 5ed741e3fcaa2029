// The small words of core/: time, event_id, task, outcome, signal, fwd.
#include "rtml/core/fwd.hpp"

#include <algorithm>
#include <compare>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/batch.hpp"
#include "rtml/core/event_id.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/outcome.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/row.hpp"
#include "rtml/core/signal.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/core/spin_lock.hpp"
#include "rtml/core/task.hpp"
#include "rtml/core/time.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace rtml;

static_assert(std::is_trivially_copyable_v<EventId> && EventId(5) == EventId(0, 5) && EventId(5).hash() == hash_integer(5, 0));
static_assert(std::is_same_v<Time::duration, Duration> && sizeof(Time) == 8);

TEST_CASE("time counts microseconds since 1970 and goes there and back", "[core]") {
  CHECK(to_unix_micros(from_unix_seconds(1)) == 1'000'000);
  CHECK(to_unix_micros(from_unix_seconds(-2)) == -2'000'000);
  CHECK(to_unix_micros(Time{}) == 0);
  CHECK(from_unix_seconds(60) - from_unix_seconds(0) == minutes(1));
  CHECK(from_unix_seconds(0) + days(1) == from_unix_seconds(86'400));
  const Clock clock = [] { return from_unix_seconds(42); };
  CHECK(clock() == from_unix_seconds(42));
  CHECK(system_now() > from_unix_seconds(1'600'000'000));
}

TEST_CASE("event ids are ordered by partition, then by offset", "[core]") {
  std::vector<EventId> ids = {{1, 0}, {0, 9}, {1, 5}, {0, 1}, {2, 0}};
  std::sort(ids.begin(), ids.end());
  CHECK(ids == std::vector<EventId>{{0, 1}, {0, 9}, {1, 0}, {1, 5}, {2, 0}});
  CHECK(EventId(7) == EventId(0, 7));
  CHECK(EventId(1, 7) != EventId(7));
  CHECK((EventId(3) <=> EventId(4)) == std::strong_ordering::less);
}

TEST_CASE("event ids of some partitions have different hashes", "[core]") {
  std::unordered_set<std::uint64_t> seen;
  for (std::uint32_t partition = 0; partition < 50; ++partition)
    for (std::uint64_t offset = 0; offset < 200; ++offset) seen.insert(EventId(partition, offset).hash());
  CHECK(seen.size() == 10000);
}

TEST_CASE("an event id keeps the laws of archives", "[core][archive]") {
  testing::check_archive(EventId(3, 0xfedcba9876543210ULL), EventId{});
}

TEST_CASE("every task has a name", "[core]") {
  CHECK(name_of(Task::binary) == "binary");
  CHECK(name_of(Task::regression) == "regression");
  CHECK(name_of(Task::classes) == "classes");
  CHECK(name_of(static_cast<Task>(9)) == "?");
}

TEST_CASE("an outcome is 1 above the threshold, and 0 at it", "[core]") {
  CHECK(Outcome::binary(0.51F, 1.0F).predicted == 1.0F);
  CHECK(Outcome::binary(0.5F, 1.0F).predicted == 0.0F);
  CHECK(Outcome::binary(0.49F, 1.0F).predicted == 0.0F);
  CHECK(Outcome::binary(0.3F, 0.0F, 0.2F, 4.0F).predicted == 1.0F);
  CHECK(Outcome::binary(0.3F, 0.0F, 0.2F, 4.0F).weight == 4.0F);
  const Outcome value = Outcome::regression(3.0F, 2.0F, 0.5F);
  CHECK(value.score == 3.0F);
  CHECK(value.predicted == 3.0F);
  CHECK(value.actual == 2.0F);
  const Outcome label = Outcome::classes(0.7F, 2, 1);
  CHECK(label.score == 0.7F);
  CHECK(label.predicted == 2.0F);
  CHECK(label.actual == 1.0F);
  CHECK(label.weight == 1.0F);
}

TEST_CASE("a host's signal carries its name and asks the host", "[core]") {
  const Signal signal = Signal::host("queue", [] { return 7.0; });
  CHECK(signal.source == Signal::Source::host);
  CHECK(signal.name == "queue");
  CHECK(signal.window == 0);
  CHECK(signal.read() == 7.0);
}
