#include "rtml/store/event_log.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "durable/log_samples.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"
#include "support/in_child.hpp"
#include "support/thin.hpp"

using namespace rtml::testing;
using rtml::ConfigError;
using rtml::Database;
using rtml::Duration;
using rtml::EventLog;
using rtml::LogRecord;
using rtml::LogSnapshot;
using rtml::Rng;
using rtml::Time;

namespace {

using Durability = EventLog::Durability;
using Status = EventLog::Appended::Status;

constexpr auto never_due = std::chrono::hours(1000);  // as an interval: its thread commits nothing during a test

/// What a process that dies leaves of the records that `append` was given, before `then` runs.
std::size_t left_of(const std::string& folder, const EventLog::Options& options, std::size_t records, void (*then)(EventLog&)) {
  const int code = in_child([&] {
    Database database(folder);
    EventLog log(database, "events", options);
    for (const OwnedEntry& entry : random_entries(1, records)) log.append(entry.record());
    then(log);
    static_cast<void>(::raise(SIGKILL));
    return 0;
  });
  REQUIRE(code == 1000 + SIGKILL);
  Database database(folder);
  const EventLog log(database, "events");
  const auto entries = all_of(log);
  CHECK(entries == between(random_entries(1, records), 0, entries.size()));
  return entries.size();
}

void nothing(EventLog&) {}
void flush(EventLog& log) { log.flush(); }

}  // namespace

TEST_CASE("What was appended is read back at its offset, whatever is its size and whenever it was committed", "[log]") {
  const std::uint64_t seed = GENERATE(range<std::uint64_t>(1, 9));
  const auto durability = GENERATE(Durability::none, Durability::on_checkpoint, Durability::interval, Durability::each_batch);
  CAPTURE(seed, durability);
  const TemporaryFolder folder;
  Rng rng(seed);
  const std::size_t longest = seed % 4 == 0 ? 100'000 : 400;
  const auto entries = random_entries(
      seed, 60 + static_cast<std::size_t>(rng.below(durability == Durability::each_batch ? 60 : 2000 / rtml::testing::thin)), longest);
  const EventLog::Options options{.durability = durability, .interval = never_due, .buffer_bytes = std::size_t{1} << (16 + seed)};
  std::size_t done = 0;
  while (done < entries.size()) {
    Database database(folder / "db");
    EventLog log(database, "events", options);
    REQUIRE(log.durable_end() == done);
    const std::size_t until = std::min(entries.size(), done + 1 + static_cast<std::size_t>(rng.below(entries.size())));
    while (done < until) {
      std::vector<LogRecord> batch;
      for (std::uint64_t left = 1 + rng.below(20); left > 0 && done < until; --left) batch.push_back(entries[done++].record());
      std::vector<EventLog::Appended> results(batch.size());
      log.append(batch, results);
      for (std::size_t i = 0; i < batch.size(); ++i) CHECK(results[i] == EventLog::Appended{Status::added, done - batch.size() + i});
      if (rng.below(10) == 0) log.flush();
      if (durability == Durability::each_batch) CHECK(log.durable_end() == done);
    }
    CHECK(log.end() == done);
    if (durability == Durability::on_checkpoint) log.flush();
  }
  Database database(folder / "db");
  EventLog log(database, "events", options);
  REQUIRE(all_of(log) == entries);
  const LogSnapshot snapshot = log.snapshot();
  CHECK(snapshot.begin() == 0);
  CHECK(snapshot.end() == entries.size());
  for (int i = 0; i < 50; ++i) {
    const std::uint64_t from = rng.below(entries.size() + 5);
    const std::uint64_t to = rng.below(entries.size() + 5);
    CHECK(all_of(snapshot.read(from, to)) == between(entries, from, to));
  }
}

TEST_CASE("A record whose sequence is not above its writer's last is there already, also after a restart", "[log]") {
  const TemporaryFolder folder;
  const auto entries = random_entries(3, 500);
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    Database database(folder / "db");
    EventLog log(database, "events", {.durability = Durability::none});
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (round == 0) CHECK(log.append(entries[i].record()) == EventLog::Appended{Status::added, i});
      std::uint64_t newest = i;
      if (round > 0)
        for (const OwnedEntry& entry : entries)
          if (entry.writer == entries[i].writer) newest = entry.offset;
      CHECK(log.append(entries[i].record()) == EventLog::Appended{Status::repeated, newest});
    }
    log.flush();
    CHECK(all_of(log) == entries);
    CHECK(log.counters().added == (round == 0 ? entries.size() : 0));
    CHECK(log.counters().repeated == entries.size());
    for (const OwnedEntry& entry : {entries.back(), entries[entries.size() - 2]}) {
      REQUIRE(log.last(entry.writer).has_value());
      CHECK(log.last(entry.writer)->sequence >= entry.sequence);
    }
    CHECK_FALSE(log.last(4711).has_value());
  }
}

TEST_CASE("Two logs of one database know nothing of each other", "[log]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog left(database, "left");
  EventLog right(database, "right");
  left.append({.sequence = 7, .bytes = as_bytes("l")});
  right.append({.sequence = 5, .bytes = as_bytes("r")});
  left.flush();
  CHECK(right.durable_end() == 0);
  right.flush();
  CHECK(all_of(left).at(0).bytes == "l");
  CHECK(all_of(right).at(0).sequence == 5);
}

TEST_CASE("Two EventLogs of one name are noticed before they write over each other", "[log]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog one(database, "events", {.durability = Durability::on_checkpoint});
  EventLog other(database, "events", {.durability = Durability::on_checkpoint});
  one.append({.sequence = 1});
  one.flush();
  other.append({.sequence = 2});
  CHECK_THROWS_WITH(other.flush(), "event log: another EventLog writes to \"log.events\"");
  CHECK(all_of(one).size() == 1);
}

TEST_CASE("A dead process has lost what its durability says, and no more", "[log]") {
  const TemporaryFolder folder;
  const std::string path = folder / "db";
  SECTION("none, interval, on_checkpoint: what was appended since the last commit") {
    const auto durability = GENERATE(Durability::none, Durability::interval, Durability::on_checkpoint);
    CHECK(left_of(path, {.durability = durability, .interval = never_due}, 100, nothing) == 0);
    CHECK(left_of(path, {.durability = durability, .interval = never_due}, 100, flush) == 100);
    CHECK(left_of(path, {.durability = durability, .interval = never_due}, 300, nothing) == 100);
  }
  SECTION("each batch: nothing") {
    CHECK(left_of(path, {.durability = Durability::each_batch}, 50, nothing) == 50);
    CHECK(left_of(path, {.durability = Durability::each_batch}, 70, nothing) == 70);
  }
  SECTION("interval: what its thread committed is there") {
    CHECK(left_of(path, {.interval = std::chrono::milliseconds(1)}, 100, [](EventLog& log) { log.wait_durable(100); }) == 100);
  }
  SECTION("a full buffer is committed") {
    const std::size_t left = left_of(path, {.durability = Durability::none, .buffer_bytes = 65'536}, 1000, nothing);
    CHECK(left > 700);
    CHECK(left < 1000);
  }
}

TEST_CASE("Closing commits, but not what a checkpoint should", "[log]") {
  const auto durability = GENERATE(Durability::none, Durability::interval, Durability::on_checkpoint);
  const TemporaryFolder folder;
  Database database(folder / "db");
  const auto entries = random_entries(4, 100);
  {
    EventLog log(database, "events", {.durability = durability, .interval = never_due});
    for (const OwnedEntry& entry : entries) log.append(entry.record());
    CHECK(log.durable_end() == 0);
  }
  EventLog log(database, "events");
  CHECK(all_of(log) == (durability == Durability::on_checkpoint ? std::vector<OwnedEntry>() : entries));
}

TEST_CASE("Rows are committed together with the records, or neither is", "[log]") {
  const TemporaryFolder folder;
  const auto entries = random_entries(5, 30);
  {
    Database database(folder / "db");
    const Database::Table& names = database.table("checkpoint");
    EventLog log(database, "events", {.durability = Durability::on_checkpoint});
    for (std::size_t i = 0; i < 10; ++i) log.append(entries[i].record());
    log.commit([&](Database::Transaction& transaction, std::uint64_t end) {
      CHECK(end == 10);
      transaction.put(names, as_bytes("newest"), as_bytes("one"));
    });
    for (std::size_t i = 10; i < 20; ++i) log.append(entries[i].record());
    const auto fails = [&](Database::Transaction& transaction, std::uint64_t) {
      transaction.put(names, as_bytes("newest"), as_bytes("two"));
      throw std::runtime_error("no");
    };
    CHECK_THROWS_AS(log.commit(fails), std::runtime_error);
    CHECK(log.durable_end() == 10);
    CHECK(as_text(*database.snapshot().get(names, as_bytes("newest"))) == "one");
    CHECK(all_of(log) == between(entries, 0, 10));
    for (std::size_t i = 20; i < 30; ++i) log.append(entries[i].record());  // the next commit has what the failed one had not
    log.commit([&](Database::Transaction& transaction, std::uint64_t) { transaction.put(names, as_bytes("newest"), as_bytes("three")); });
    CHECK(all_of(log) == entries);
  }
  Database database(folder / "db");
  const Database::Table& names = database.table("checkpoint");
  CHECK(as_text(*database.snapshot().get(names, as_bytes("newest"))) == "three");
  EventLog log(database, "events");
  for (const OwnedEntry& entry : entries) CHECK(log.append(entry.record()).status == Status::repeated);
}

TEST_CASE("What a commit that failed would have written, the next one writes", "[log]") {
  const TemporaryFolder folder;
  {
    Database database(folder / "db");
    EventLog log(database, "events", {.durability = Durability::on_checkpoint});
    log.append({.writer = 5, .sequence = 9});
    CHECK_THROWS_AS(log.commit([](Database::Transaction&, std::uint64_t) { throw std::runtime_error("no"); }), std::runtime_error);
    log.flush();
  }
  Database database(folder / "db");
  EventLog log(database, "events");
  CHECK(all_of(log).size() == 1);
  CHECK(log.append({.writer = 5, .sequence = 9}) == EventLog::Appended{Status::repeated, 0});
}

TEST_CASE("What is too long, or of one writer too many, is refused and counted", "[log]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog log(database, "events", {.durability = Durability::none, .max_record_bytes = 100, .max_writers = 2});
  const std::string text(101, 'x');
  CHECK(log.append({.writer = 1, .sequence = 1, .bytes = as_bytes(text).first(100)}).status == Status::added);
  CHECK(log.append({.writer = 1, .sequence = 2, .bytes = as_bytes(text)}).status == Status::refused);
  CHECK(log.append({.writer = 1, .sequence = 2, .key = text}).status == Status::refused);
  CHECK(log.append({.writer = 1, .sequence = 2, .key = "1", .bytes = as_bytes(text).first(100)}).status == Status::refused);
  CHECK(log.append({.writer = 1, .sequence = 2, .key = "1", .bytes = as_bytes(text).first(99)}).status == Status::added);
  CHECK(log.append({.writer = 2, .sequence = 0}).status == Status::added);
  CHECK(log.append({.writer = 2, .sequence = 0}).status == Status::repeated);
  CHECK(log.append({.writer = 3, .sequence = 9}).status == Status::refused);
  CHECK(log.counters().refused == 4);
  log.flush();
  CHECK(all_of(log).size() == 3);
}

TEST_CASE("EventLog names what is wrong with its options", "[log][config]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  CHECK_THROWS_WITH(EventLog(database, ""), "EventLog: name is \"\", must be 1 to 400 bytes long");
  CHECK_THROWS_WITH(EventLog(database, "e", {.interval = Duration(0)}), "EventLog: interval is 0, must be > 0");
  CHECK_THROWS_WITH(EventLog(database, "e", {.buffer_bytes = 65'535}), "EventLog: buffer_bytes is 65535, must be >= 65536");
  CHECK_THROWS_AS(EventLog(database, "e", {.max_record_bytes = 0}), ConfigError);
  CHECK_THROWS_AS(EventLog(database, "e", {.max_record_bytes = (std::size_t{1} << 30U) + 1}), ConfigError);
  CHECK_THROWS_AS(EventLog(database, "e", {.max_writers = 0}), ConfigError);
  EventLog log(database, "e");
  CHECK_THROWS_AS(log.drop_before(1), ConfigError);
  CHECK_THROWS_AS(log.keep_latest_before(1), ConfigError);
  std::vector<EventLog::Appended> results(2);
  const LogRecord record;
  CHECK_THROWS_AS(log.append({&record, 1}, results), ConfigError);
}

TEST_CASE("Appending allocates nothing after warm-up, and memory is bounded by the buffer", "[log]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog log(database, "events", {.durability = Durability::none, .buffer_bytes = 1'000'000});
  const std::string bytes(150, 'x');
  std::uint64_t sequence = 0;
  for (int i = 0; i < 20'000; ++i) log.append({.sequence = ++sequence, .bytes = as_bytes(bytes)});
  log.flush();
  const std::size_t memory = log.memory_bytes();
  CHECK(memory > 1'000'000);
  CHECK(memory < 1'200'000);
  const rtml::testing::AllocationCounter allocations;
  for (int i = 0; i < 5000; ++i) log.append({.sequence = ++sequence, .bytes = as_bytes(bytes)});
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(log.durable_end() == 20'000);
  CHECK(log.memory_bytes() == memory);
}

TEST_CASE("The memory of a long record is given back", "[log]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog log(database, "events", {.durability = Durability::none});
  const std::string text(1'000'000, 'x');
  log.append({.sequence = 1, .bytes = as_bytes(text)});
  CHECK(log.memory_bytes() > 1'000'000);
  log.flush();
  CHECK(log.memory_bytes() < 200'000);
}
