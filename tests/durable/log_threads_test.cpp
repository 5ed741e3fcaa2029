#include "rtml/store/event_log.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "durable/log_samples.hpp"
#include "support/catch.hpp"

using namespace rtml::testing;
using rtml::Database;
using rtml::EventLog;
using rtml::LogSnapshot;

namespace {

using Durability = EventLog::Durability;

}  // namespace

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
