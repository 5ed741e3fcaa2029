// Processes that are killed, disks that are full.

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "durable/log_samples.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/store/event_log.hpp"
#include "support/catch.hpp"
#include "support/in_child.hpp"
#include "support/thin.hpp"

using namespace rtml::testing;
using rtml::Database;
using rtml::EventLog;
using rtml::IoError;
using rtml::LogRecord;
using rtml::Rng;

namespace {

using Durability = EventLog::Durability;
using Status = EventLog::Appended::Status;

/// Record number `sequence` of a writer: whoever knows the number knows the record.
OwnedEntry entry_of(std::uint64_t sequence) {
  Rng rng(sequence);
  OwnedEntry entry = random_entry(rng, sequence, sequence % 13 == 0 ? 90'000 : 300);
  entry.writer = 7;
  entry.sequence = sequence;
  return entry;
}

/// Goes on where its writer stopped, and says through `acknowledged` what is on the disk; in between it compacts and checkpoints.
[[noreturn]] void append_until_killed(const std::string& folder, Durability durability, std::uint64_t seed, int acknowledged) {
  Database database(folder);
  const Database::Table& names = database.table("checkpoint");
  EventLog log(database, "events", {.durability = durability, .interval = std::chrono::milliseconds(1), .buffer_bytes = 200'000});
  const auto acknowledge = [&](std::uint64_t count) {
    if (::write(acknowledged, &count, sizeof(count)) != sizeof(count)) ::_exit(1);
  };
  Rng rng(seed);
  const auto last = log.last(7);
  for (std::uint64_t next = last ? last->sequence + 1 : 0;;) {
    std::vector<OwnedEntry> entries;
    std::vector<LogRecord> batch;
    for (std::uint64_t i = 1 + rng.below(30); i > 0; --i) entries.push_back(entry_of(next++));
    for (const OwnedEntry& entry : entries) batch.push_back(entry.record());
    log.append(batch);
    switch (durability) {
      case Durability::each_batch: acknowledge(next); break;
      case Durability::interval: acknowledge(log.durable_end()); break;
      case Durability::none:
        if (rng.below(20) == 0) log.flush();
        acknowledge(log.durable_end());
        break;
      case Durability::on_checkpoint:
        if (rng.below(5) != 0) break;
        log.commit([&](Database::Transaction& transaction, std::uint64_t end) {
          const std::string name = std::to_string(end);
          transaction.put(names, as_bytes("newest"), as_bytes(name));
        });
        acknowledge(next);
        break;
    }
    if (rng.below(30) == 0) log.drop_before(log.durable_end() - log.durable_end() % 100);
  }
}

/// Kills a writer at a moment drawn from `seed` and returns the last number that it said: one in five as soon as it runs, when it opens the
/// database, the others among later batches, once it has said one to four times that more than `before` is on the disk.
std::uint64_t run_and_kill(const std::string& folder, Durability durability, std::uint64_t seed, std::uint64_t before) {
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      append_until_killed(folder, durability, seed, pipe_ends[1]);
    } catch (...) {
      ::_exit(99);
    }
  }
  ::close(pipe_ends[1]);
  Rng rng(seed + 1'000'000);
  std::uint64_t acknowledged = 0;
  const auto listen = [&] {
    std::uint64_t said = 0;
    if (::read(pipe_ends[0], &said, sizeof(said)) != sizeof(said)) return false;
    acknowledged = std::max(acknowledged, said);
    return true;
  };
  for (std::uint64_t rises = seed % 5 == 0 ? 0 : 1 + rng.below(4), known = before; rises > 0 && listen();)
    if (acknowledged > known) --rises, known = acknowledged;
  std::this_thread::sleep_for(std::chrono::microseconds(rng.below(seed % 5 == 0 ? 8000 : 2000)));
  REQUIRE(::kill(child, SIGKILL) == 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  while (listen()) {
  }
  ::close(pipe_ends[0]);
  return acknowledged;
}

}  // namespace

TEST_CASE("Killed at any moment, the log has everything that was acknowledged, nothing half, nothing twice", "[log][crash]") {
  const auto durability = GENERATE(Durability::each_batch, Durability::interval, Durability::none, Durability::on_checkpoint);
  CAPTURE(durability);
  const TemporaryFolder folder;
  std::uint64_t acknowledged = 0;
  std::uint64_t grew = 0;
  std::uint64_t before = 0;
  constexpr std::uint64_t kills = 100 / thin;
  for (std::uint64_t kill = 0; kill < kills; ++kill) {
    CAPTURE(kill);
    acknowledged = std::max(acknowledged, run_and_kill(folder / "db", durability, kill, before));

    Database database(folder / "db");
    const Database::Table& names = database.table("checkpoint");
    EventLog log(database, "events");
    const std::uint64_t end = log.durable_end();
    REQUIRE(end >= acknowledged);
    const auto snapshot = log.snapshot();
    REQUIRE(snapshot.begin() <= end);
    std::uint64_t expected = snapshot.begin();
    for (const OwnedEntry& entry : all_of(snapshot.read())) {
      REQUIRE(entry == entry_of(expected));
      ++expected;
    }
    REQUIRE(expected == end);
    REQUIRE(log.last(7).has_value() == (end > 0));
    if (end > 0) REQUIRE(log.last(7)->sequence == end - 1);
    if (durability == Durability::on_checkpoint) {
      const Database::Snapshot rows = database.snapshot();
      const auto name = rows.get(names, as_bytes("newest"));
      const std::uint64_t checkpoint = name ? std::stoull(as_text(*name)) : 0;
      REQUIRE(checkpoint >= acknowledged);  // as new as the log that it was committed with
      REQUIRE(checkpoint <= end);
    }
    grew += end > before ? 1U : 0U;
    before = end;
  }
  CHECK(grew >= kills - kills / 5 - 1);  // else nothing was tested
}

TEST_CASE("On a disk that is full appending is an error, what was acknowledged stays, and it goes on when there is room", "[log][io]") {
  const TemporaryFolder folder;
  const auto durability = GENERATE(Durability::each_batch, Durability::none, Durability::interval);
  const int code = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    Database database(folder / "db");
    EventLog log(database, "events", {.durability = durability, .interval = std::chrono::milliseconds(1), .buffer_bytes = 100'000});
    const rlimit limit{2'000'000, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 10;
    std::uint64_t next = 0;
    std::uint64_t durable = 0;
    bool failed = false;
    while (!failed && next < 100'000) {
      try {
        if (log.append(entry_of(next).record()).status == Status::added) ++next;
      } catch (const IoError& error) {
        failed = true;
        durable = log.durable_end();
        if (error.code() != EFBIG && error.code() != EIO) return 11;
        if (std::string(error.what()).find(database.path()) == std::string::npos) return 12;
      }
    }
    if (!failed || durable < 50) return 13;
    if (durability == Durability::each_batch && durable < next) return 14;
    if (log.memory_bytes() > 2'000'000) return 15;
    for (int i = 0; i < 3; ++i) {  // it stays an error
      try {
        log.append(entry_of(next).record());
        return 16;
      } catch (const IoError&) {
        if (log.durable_end() != durable) return 17;
      }
    }
    std::uint64_t expected = 0;
    for (const OwnedEntry& entry : all_of(log))
      if (!(entry == entry_of(expected++))) return 18;
    if (expected != durable) return 19;

    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &none) != 0) return 20;
    for (std::uint64_t i = 0; i < next + 100; ++i) log.append(entry_of(i).record());  // repeated ones, then new ones
    log.flush();
    if (log.durable_end() != next + 100) return 21;
    ::raise(SIGKILL);
    return 22;
  });
  CHECK(code == 1000 + SIGKILL);
  Database database(folder / "db");
  EventLog log(database, "events");
  std::uint64_t expected = 0;
  for (const OwnedEntry& entry : all_of(log)) REQUIRE(entry == entry_of(expected++));
  CHECK(expected == log.durable_end());
  CHECK(expected > 50);
}

TEST_CASE("Nothing is acknowledged while the last commit has failed", "[log][io]") {
  const TemporaryFolder folder;
  const int code = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    Database database(folder / "db");
    EventLog log(database, "events", {.durability = Durability::none});
    log.append(entry_of(0).record());
    const rlimit full{database.bytes(), RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &full) != 0) return 10;
    try {
      log.flush();
      return 11;
    } catch (const IoError&) {
    }
    try {
      log.append(entry_of(1).record());
      return 12;
    } catch (const IoError&) {
    }
    if (log.end() != 1 || log.counters().failed_commits != 2) return 13;
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &none) != 0) return 14;
    log.append(entry_of(1).record());
    if (log.durable_end() != 1) return 15;
    log.append(entry_of(2).record());
    return log.durable_end() == 1 && log.end() == 3 ? 0 : 16;  // in memory again
  });
  CHECK(code == 0);
}

TEST_CASE("When max_bytes is reached appending is an error that says so, and dropping makes room", "[log][io]") {
  const TemporaryFolder folder;
  Database database(folder / "db", {.max_bytes = std::uint64_t{1} << 20U});
  EventLog log(database, "events", {.durability = Durability::each_batch});
  std::uint64_t next = 0;
  const auto append_some = [&] {
    for (;;) log.append(entry_of(next++).record());
  };
  CHECK_THROWS_WITH(append_some(), "cannot write table \"log.events\" of " + (folder / "db") + ": max_bytes is reached");
  CHECK(log.durable_end() > 50);
  CHECK(log.durable_end() == next - 1);
  log.drop_before(log.durable_end());
  CHECK(log.append(entry_of(next - 1).record()).status == Status::repeated);  // it was in memory, and is on the disk now
  CHECK(log.durable_end() == next);
  CHECK(log.append(entry_of(next).record()).status == Status::added);
}

TEST_CASE("A forked child may not write to its parent's database, and its end leaves the parent's records alone", "[log][io]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  EventLog log(database, "events", {.interval = std::chrono::hours(1)});
  log.append(entry_of(0).record());
  const int code = in_child([&] {
    try {
      log.flush();
      return 1;
    } catch (const IoError& error) {
      return error.code() == EPERM ? 0 : 2;
    }
  });
  CHECK(code == 0);
  log.append(entry_of(1).record());
  log.flush();
  CHECK(all_of(log) == std::vector<OwnedEntry>{entry_of(0), entry_of(1)});
}
