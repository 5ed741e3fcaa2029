#include "rtml/store/event_log.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX

#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "durable/in_child.hpp"
#include "durable/log_samples.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace rtml::testing;
using rtml::ConfigError;
using rtml::Database;
using rtml::Duration;
using rtml::EventLog;
using rtml::FormatError;
using rtml::LogEntry;
using rtml::LogRecord;
using rtml::LogSnapshot;
using rtml::Rng;
using rtml::Time;

namespace {

using Durability = EventLog::Durability;
using Status = EventLog::Appended::Status;

constexpr auto never = std::chrono::hours(1000);  // as an interval: its thread commits nothing during a test

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
  const auto entries =
      random_entries(seed, 60 + static_cast<std::size_t>(rng.below(durability == Durability::each_batch ? 60 : 2000)), longest);
  const EventLog::Options options{.durability = durability, .interval = never, .buffer_bytes = std::size_t{1} << (16 + seed)};
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
    CHECK(left_of(path, {.durability = durability, .interval = never}, 100, nothing) == 0);
    CHECK(left_of(path, {.durability = durability, .interval = never}, 100, flush) == 100);
    CHECK(left_of(path, {.durability = durability, .interval = never}, 300, nothing) == 100);
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
    EventLog log(database, "events", {.durability = durability, .interval = never});
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

TEST_CASE("A snapshot stays as it was while others append and compact, and one of the past is what was", "[log]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog log(database, "events", {.durability = Durability::none});
  const auto entries = random_entries(6, 1000);
  for (std::size_t i = 0; i < 600; ++i) log.append(entries[i].record());
  CHECK(log.snapshot().end() == 0);  // readers see what is on the disk
  log.flush();
  const LogSnapshot snapshot = log.snapshot();
  for (std::size_t i = 600; i < 1000; ++i) log.append(entries[i].record());
  log.flush();
  for (const std::uint64_t as_of : {0U, 1U, 599U, 600U, 1000U}) CHECK(all_of(log.snapshot(as_of).read()) == between(entries, 0, as_of));
  CHECK_THROWS_WITH(log.snapshot(1001), "EventLog: as_of is 1001, must be in [0, 1000], what is there");
  log.drop_before(400);
  CHECK(all_of(log) == between(entries, 400, 1000));
  CHECK_THROWS_AS(log.snapshot(399), ConfigError);
  CHECK(all_of(log.snapshot(500).read()) == between(entries, 400, 500));
  log.keep_latest_before(800);
  CHECK_THROWS_AS(log.snapshot(799), ConfigError);
  CHECK(all_of(log.snapshot(900).read()) == latest_before(between(entries, 400, 900), 800));
  CHECK(all_of(snapshot.read()) == between(entries, 0, 600));
}

TEST_CASE("Compaction keeps the offsets of what it keeps, over restarts", "[log]") {
  const std::uint64_t seed = GENERATE(range<std::uint64_t>(1, 13));
  CAPTURE(seed);
  const TemporaryFolder folder;
  Rng rng(seed);
  std::vector<OwnedEntry> model;
  std::uint64_t next = 0;
  std::uint64_t begin = 0;
  for (int round = 0; round < 8; ++round) {
    Database database(folder / "db");
    EventLog log(database, "events", {.durability = Durability::none});
    REQUIRE(log.durable_end() == next);
    for (std::uint64_t i = rng.below(40'000 / (1 + 5 * seed)); i > 0; --i) {
      model.push_back(random_entry(rng, next++, seed % 3 == 0 ? 20'000 : 300));
      if (seed % 2 == 0) model.back().at = static_cast<std::int64_t>(rng.below(1000 * next));  // late by any time
      log.append(model.back().record());
      if (rng.below(200) == 0) log.flush();
    }
    log.flush();
    const std::uint64_t offset = rng.below(next + 1);
    if (rng.below(2) == 0) {
      log.drop_before(offset);
      begin = std::max(begin, offset);
      model = between(model, begin, next);
    } else {
      log.keep_latest_before(offset);
      model = latest_before(model, offset);
    }
    const LogSnapshot snapshot = log.snapshot();
    CHECK(snapshot.begin() == begin);
    REQUIRE(all_of(snapshot.read()) == model);
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t from = rng.below(next + 2);
      const std::uint64_t to = rng.below(next + 2);
      REQUIRE(all_of(snapshot.read(from, to)) == between(model, from, to));
      const Time at(Duration(static_cast<std::int64_t>(rng.below(1000 * next + 30'000)) - 8000));
      const auto found = std::find_if(model.begin(), model.end(), [&](const OwnedEntry& e) { return e.record().at >= at; });
      REQUIRE(snapshot.offset_at(at) == (found == model.end() ? next : found->offset));
    }
  }
}

TEST_CASE("Compaction after a drop inside a block leaves what was dropped where it is", "[log]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog log(database, "events", {.durability = Durability::none});
  std::vector<OwnedEntry> entries = random_entries(11, 100, 100);
  for (OwnedEntry& entry : entries) {
    entry.key = "key" + std::to_string(entry.offset);  // of its own
    log.append(entry.record());
  }
  log.flush();
  log.drop_before(30);
  log.keep_latest_before(60);
  CHECK(all_of(log) == between(entries, 30, 100));
  const Database::Table& blocks = database.table("log.events");
  CHECK(database.snapshot().cursor(blocks).next());
  log.drop_before(100);
  CHECK(all_of(log).empty());
  CHECK_FALSE(database.snapshot().cursor(blocks).next());  // nothing takes room
  CHECK(log.append(entries[0].record()).status == Status::repeated);
  CHECK(log.append({.writer = 1, .sequence = 1}).offset == 100);
}

TEST_CASE("The first record at or after a time is found as a plain search finds it", "[log]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog log(database, "events", {.durability = Durability::none});
  CHECK(log.snapshot().offset_at(Time{}) == 0);
  const auto entries = random_entries(7, 20'000, 100);
  for (const OwnedEntry& entry : entries) log.append(entry.record());
  log.flush();
  const LogSnapshot all = log.snapshot();
  const LogSnapshot past = log.snapshot(7000);
  Rng rng(8);
  for (int i = 0; i < 500; ++i) {
    const Time at(Duration(static_cast<std::int64_t>(rng.below(20'050'000)) - 10'000));
    const auto after = [&](const OwnedEntry& entry) { return entry.record().at >= at; };
    const auto place = static_cast<std::uint64_t>(std::find_if(entries.begin(), entries.end(), after) - entries.begin());
    CHECK(all.offset_at(at) == place);
    CHECK(past.offset_at(at) == std::min<std::uint64_t>(place, 7000));
  }
}

TEST_CASE("Dropping makes room in the file that is used again", "[log]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog log(database, "events", {.durability = Durability::none});
  const std::string bytes(1000, 'x');
  std::uint64_t sequence = 0;
  std::uint64_t bytes_after_two = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 5000; ++i) log.append({.sequence = ++sequence, .bytes = as_bytes(bytes)});
    log.flush();
    log.drop_before(log.end() - 1000);
    if (round == 2) bytes_after_two = database.bytes();
  }
  CHECK(log.snapshot().begin() == 99'000);
  CHECK(database.bytes() < bytes_after_two + bytes_after_two / 4);
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

TEST_CASE("Rows that no EventLog writes are refused by name", "[log][hostile]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  const Database::Table& blocks = database.table("log.events");
  const Database::Table& meta = database.table("log.events.meta");
  const auto numbers = [](std::initializer_list<std::uint64_t> values, std::string text = "") {
    for (const std::uint64_t value : values)
      for (unsigned i = 0; i < 8; ++i) text += static_cast<char>(value >> (8 * i));
    return text;
  };
  const std::string version(1, '\1');
  const std::string zeros(3, '\0');
  const auto put = [&](const Database::Table& table, const std::string& key, const std::string& value) {
    database.write([&](Database::Transaction& transaction) { transaction.put(table, as_bytes(key), as_bytes(value)); });
  };
  const auto open = [&] { return EventLog(database, "events").durable_end(); };
  const auto read = [&] { return all_of(EventLog(database, "events")).size(); };

  SECTION("state") {
    put(meta, "state", version + zeros + numbers({0, 3, 0}));
    CHECK_THROWS_WITH(open(), "event log: the state in \"log.events.meta\" has 28 bytes");
    put(meta, "state", "\2" + zeros + numbers({0, 3, 0, 0}));
    CHECK_THROWS_WITH(open(), "event log: \"log.events.meta\" has format version 2, this build reads 1");
    put(meta, "state", version + zeros + numbers({4, 3, 0, 0}));
    CHECK_THROWS_WITH(open(), "event log: the state in \"log.events.meta\" ends before it begins");
    put(meta, "state", version + zeros + numbers({0, 3, 4, 0}));
    CHECK_THROWS_AS(open(), FormatError);
  }
  SECTION("writer") {
    put(meta, "writer 1", numbers({1}));
    CHECK_THROWS_WITH(open(), "event log: a writer in \"log.events.meta\" has 8 bytes");
  }
  SECTION("blocks") {
    put(meta, "state", version + zeros + numbers({0, 3, 0, 0}));
    CHECK_THROWS_WITH(read(), "event log: the records from offset 0 to 2 are missing");
    const std::string zero(8, '\0');
    const std::string head = version + zeros + numbers({0});
    const auto record = [&](char offset, char key, char bytes) {
      return std::string(1, offset) + zeros + key + zeros + bytes + zeros + numbers({0, 0, 0}) + "abc";
    };
    put(blocks, zero, head + record(0, 1, 2) + record(1, 0, 3) + record(2, 3, 0));
    CHECK(read() == 3);
    put(blocks, zero, head + record(0, 1, 2) + record(2, 3, 0));
    CHECK_THROWS_WITH(read(), "event log: the records from offset 1 to 1 are missing");
    put(blocks, zero, head + record(0, 1, 2) + record(9, 3, 0));
    CHECK_THROWS_WITH(read(), "event log: the records from offset 1 to 2 are missing");
    for (const std::string& cut : {record(0, 4, 0), record(0, 2, 2), record(0, 0, 4), record(0, 1, 2).substr(0, 35), head.substr(0, 0)}) {
      put(blocks, zero, head + cut);
      CHECK_THROWS_WITH(read(), "event log: the block at offset 0 is truncated");
    }
    put(blocks, zero, head.substr(0, 11));
    CHECK_THROWS_WITH(read(), "event log: the block at offset 0 is truncated");
    put(blocks, zero, "\7" + head.substr(1) + record(0, 1, 2));
    CHECK_THROWS_WITH(read(), "event log: the block at offset 0 has format version 7, this build reads 1");
    put(blocks, zero, head + record(0, 1, 2) + record(1, 0, 3) + record(2, 3, 0));
    put(blocks, std::string(7, '\0') + "\3", head + record(0, 1, 2));
    CHECK(read() == 3);  // nobody asks for what is behind the end
    put(blocks, zero, head + record(0, 1, 2) + record(1, 0, 3));
    CHECK_THROWS_WITH(read(), "event log: a block begins at offset 3, behind the end");
    put(blocks, zero + "x", head + record(0, 1, 2));
    CHECK_THROWS_WITH(EventLog(database, "events").snapshot().offset_at(Time::max()), "event log: a block's key is no offset");
  }
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

TEST_CASE("Many threads append to one log: each finds its records in its order, whoever commits", "[log][threads]") {
  const auto durability = GENERATE(Durability::none, Durability::interval, Durability::each_batch);
  const TemporaryFolder folder;
  Database database(folder / "db");
  constexpr std::uint64_t writers = 4;
  const std::uint64_t records = durability == Durability::each_batch ? 100 : 4000;
  std::vector<std::vector<std::uint64_t>> offsets(writers);
  {
    EventLog log(database, "events",
                 {.durability = durability, .interval = std::chrono::milliseconds(2), .buffer_bytes = std::size_t{1} << 17U});
    std::atomic<bool> wrong{false};
    std::vector<std::thread> threads;
    for (std::uint64_t writer = 0; writer < writers; ++writer)
      threads.emplace_back([&, writer] {
        for (std::uint64_t sequence = 1; sequence <= records; ++sequence) {
          const std::string bytes = std::to_string(writer) + "/" + std::to_string(sequence);
          const auto appended = log.append({.writer = writer, .sequence = sequence, .bytes = as_bytes(bytes)});
          offsets[writer].push_back(appended.offset);
          if (durability == Durability::each_batch && log.durable_end() <= appended.offset) wrong = true;
        }
      });
    for (std::thread& thread : threads) thread.join();
    CHECK_FALSE(wrong);
  }
  EventLog log(database, "events");
  const auto entries = all_of(log);
  REQUIRE(entries.size() == writers * records);
  for (std::uint64_t writer = 0; writer < writers; ++writer)
    for (std::uint64_t i = 0; i < records; ++i) {
      const OwnedEntry& entry = entries[offsets[writer][i]];
      REQUIRE(std::tuple(entry.writer, entry.sequence) == std::tuple(writer, i + 1));
      REQUIRE(entry.bytes == std::to_string(writer) + "/" + std::to_string(i + 1));
    }
}

TEST_CASE("Threads that wait for a commit share the next one", "[log][threads]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog log(database, "events", {.durability = Durability::each_batch});
  constexpr std::uint64_t writers = 8;
  std::vector<std::thread> threads;
  database.write([&](Database::Transaction&) {  // while it writes, nobody else does
    for (std::uint64_t writer = 0; writer < writers; ++writer)
      threads.emplace_back([&, writer] { log.append({.writer = writer, .sequence = 1}); });
    while (log.end() < writers) std::this_thread::yield();
    CHECK(log.durable_end() == 0);
  });
  for (std::thread& thread : threads) thread.join();
  CHECK(log.durable_end() == writers);
  CHECK(log.counters().commits <= 2);  // of whoever came first, and of all others
}

TEST_CASE("Who follows the tail sees every record once, and none that is not on the disk", "[log][threads]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog log(database, "events", {.interval = std::chrono::milliseconds(1)});
  const auto entries = random_entries(9, 5000, 100);
  CHECK_FALSE(log.wait_durable(1, std::chrono::steady_clock::now()));
  std::thread writer([&] {
    for (const OwnedEntry& entry : entries) log.append(entry.record());
  });
  std::vector<OwnedEntry> seen;
  while (seen.size() < entries.size()) {
    REQUIRE(log.wait_durable(seen.size() + 1));
    const LogSnapshot snapshot = log.snapshot();
    for (const OwnedEntry& entry : all_of(snapshot.read(seen.size(), snapshot.end()))) seen.push_back(entry);
  }
  writer.join();
  CHECK(seen == entries);
}

TEST_CASE("Compaction goes on beside those who append and read", "[log][threads]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog log(database, "events", {.interval = std::chrono::milliseconds(1)});
  const auto entries = random_entries(10, 6000, 300);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (const OwnedEntry& entry : entries) log.append(entry.record());
    log.flush();
    done = true;
  });
  std::thread reader([&] {
    while (!done) {
      const LogSnapshot snapshot = log.snapshot();
      const auto read = all_of(snapshot.read());
      for (const OwnedEntry& entry : read)
        if (!(entry == entries[entry.offset])) throw std::logic_error("a reader saw what was never appended");
    }
  });
  std::uint64_t dropped = 0;
  std::thread dropper([&] {
    while (!done) {
      dropped = log.durable_end() / 4;
      log.drop_before(dropped);
    }
  });
  while (!done) log.keep_latest_before(log.durable_end() / 2);
  writer.join();
  reader.join();
  dropper.join();
  log.keep_latest_before(log.durable_end());
  CHECK(all_of(log) == latest_before(between(entries, dropped, entries.size()), entries.size()));
}
