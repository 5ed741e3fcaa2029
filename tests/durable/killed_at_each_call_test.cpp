#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "durable/log_samples.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/store/event_log.hpp"
#include "support/catch.hpp"
#include "support/killed.hpp"
#include "support/thin.hpp"

using namespace rtml::testing;
using rtml::Database;
using rtml::EventLog;
using rtml::LogRecord;

namespace {

constexpr std::uint64_t killed_writer = 3;

/// Whoever knows the number knows the record; some are longer than a page.
OwnedEntry numbered(std::uint64_t number) {
  rtml::Rng rng(number);
  OwnedEntry entry = random_entry(rng, number, number % 5 == 0 ? 9000 : 200);
  entry.writer = killed_writer;
  entry.sequence = number;
  return entry;
}

/// Goes on where its writer stopped: two batches, a checkpoint, and both kinds of compaction. Says how much is on the disk.
void work(const std::string& folder, int acknowledged) {
  Database database(folder);
  const Database::Table& table = database.table("checkpoint");
  EventLog log(database, "events", {.durability = EventLog::Durability::each_batch});
  const auto last = log.last(killed_writer);
  std::uint64_t next = last ? last->sequence + 1 : 0;
  const auto acknowledge = [&] {
    if (::write(acknowledged, &next, sizeof(next)) != sizeof(next)) ::_exit(1);
  };
  for (int batch = 0; batch < 2; ++batch) {
    std::vector<OwnedEntry> entries;
    std::vector<LogRecord> records;
    for (int i = 0; i < 7; ++i) entries.push_back(numbered(next++));
    for (const OwnedEntry& entry : entries) records.push_back(entry.record());
    log.append(records);
    acknowledge();
  }
  log.commit([&](Database::Transaction& transaction, std::uint64_t end) {
    transaction.put(table, as_bytes("newest"), as_bytes(std::to_string(end)));
  });
  log.drop_before(next - 12);
  log.keep_latest_before(next - 6);
}

struct Acknowledged : Traced {
  std::uint64_t acknowledged = 0;
};

Acknowledged run_to(std::uint64_t calls, const std::string& folder) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  Acknowledged traced{killed_at_call(calls, [&] { work(folder, ends[1]); })};
  ::close(ends[1]);
  std::uint64_t count = 0;
  while (::read(ends[0], &count, sizeof(count)) == sizeof(count)) traced.acknowledged = count;
  ::close(ends[0]);
  return traced;
}

/// That it holds what was acknowledged, whole, and no more than was appended.
void check_what_is_there(const std::string& folder, const Acknowledged& traced, std::uint64_t before) {
  Database database(folder);
  const Database::Table& table = database.table("checkpoint");
  const EventLog log(database, "events");
  const std::uint64_t end = log.durable_end();
  REQUIRE(end >= std::max(traced.acknowledged, before));
  REQUIRE((end - before) % 7 == 0);  // a batch is there or not
  REQUIRE(end <= before + 14);
  const auto snapshot = log.snapshot();
  const std::vector<OwnedEntry> found = all_of(snapshot.read());
  std::uint64_t newest = snapshot.begin();
  for (const OwnedEntry& entry : found) {
    REQUIRE(entry == numbered(entry.offset));
    REQUIRE(entry.offset >= newest);
    newest = entry.offset + 1;
  }
  REQUIRE(newest == end);
  REQUIRE(log.last(killed_writer).has_value() == (end > 0));
  if (end > 0) REQUIRE(log.last(killed_writer)->sequence == end - 1);
  const auto rows = database.snapshot();
  if (const auto name = rows.get(table, as_bytes("newest"))) REQUIRE(std::stoull(as_text(*name)) <= end);
}

}  // namespace

TEST_CASE("Killed before and after each system call, the log has what was acknowledged, batches whole, and opens again", "[log][crash]") {
  const bool made_before = GENERATE(false, true);  // else it is killed while it makes the database
  CAPTURE(made_before);
  const TemporaryFolder folder;
  if (made_before) {
    for (int run = 0; run < 2; ++run) {
      const Acknowledged traced = run_to(~std::uint64_t{0}, folder / "base");
      if (!traced.allowed) {
        WARN("skipped: this system lets no process trace its child");
        return;
      }
    }
  }
  std::uint64_t calls = 0;
  for (;; calls += thin) {
    CAPTURE(calls);
    const std::string db = folder / "db";
    std::filesystem::remove_all(db);
    if (made_before) std::filesystem::copy(folder / "base", db);
    const Acknowledged traced = run_to(calls, db);
    if (!traced.allowed) {
      WARN("skipped: this system lets no process trace its child");
      return;
    }
    check_what_is_there(db, traced, made_before ? 28 : 0);
    if (!traced.killed) break;
  }
  CHECK(calls > 100);
}
