#include "rtml/store/event_log.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "durable/log_samples.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using namespace rtml::testing;
using rtml::ConfigError;
using rtml::Database;
using rtml::Duration;
using rtml::EventLog;
using rtml::LogSnapshot;
using rtml::Rng;
using rtml::Time;

namespace {

using Durability = EventLog::Durability;
using Status = EventLog::Appended::Status;

}  // namespace

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
