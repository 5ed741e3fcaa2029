#include "rtml/store/database.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "durable/log_samples.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/store/event_log.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace rtml::testing;
using rtml::ConfigError;
using rtml::Database;
using rtml::Error;
using rtml::EventLog;
using rtml::FormatError;
using rtml::IoError;
using rtml::Rng;
using rtml::checkpoint::testing::read_file;
using rtml::checkpoint::testing::write_file;

namespace {

using Rows = std::map<std::string, std::string>;

Rows rows_of(const Database::View& view, const Database::Table& table) {
  Rows rows;
  Database::Cursor cursor = view.cursor(table);
  while (cursor.next()) rows[as_text(cursor.key())] = as_text(cursor.value());
  return rows;
}

std::string random_text(Rng& rng, std::uint64_t shortest, std::uint64_t longest) {
  std::string text(static_cast<std::size_t>(shortest + rng.below(longest - shortest + 1)), ' ');
  for (char& c : text) c = static_cast<char>(rng.below(256));
  return text;
}

/// Everything that was put into the damaged files below.
struct Content {
  Rows rows;
  std::vector<OwnedEntry> entries;

  friend bool operator==(const Content&, const Content&) = default;
};

Content content_of(Database& database) {
  const Database::Table& table = database.table("rows");
  EventLog log(database, "events", {.durability = EventLog::Durability::none});
  return {rows_of(database.snapshot(), table), all_of(log)};
}

/// A small file with every kind of page: branches, leaves, values on pages of their own, free pages.
Content make_file(const std::string& folder) {
  Database database(folder);
  const Database::Table& table = database.table("rows");
  EventLog log(database, "events", {.durability = EventLog::Durability::none});
  Rng rng(1);
  Rows rows;
  for (int i = 0; i < 12; ++i) {
    for (const OwnedEntry& entry : between(random_entries(2, 240), log.end(), log.end() + 20)) log.append(entry.record());
    log.commit([&](Database::Transaction& transaction, std::uint64_t) {
      for (int k = 0; k < 25; ++k) {
        const std::string key = random_text(rng, 1, 40);
        rows[key] = random_text(rng, 0, k == 0 ? 9000 : 100);
        transaction.put(table, as_bytes(key), as_bytes(rows[key]));
      }
      for (int k = 0; k < 5; ++k) {
        transaction.erase(table, as_bytes(rows.begin()->first));
        rows.erase(rows.begin());
      }
    });
  }
  return {rows, random_entries(2, 240)};
}

/// Opens a damaged file, reads everything, and writes. "" = refused with an Error, or as it was before the damage and can be used.
std::string use_damaged(const std::string& folder, const Content& content, bool write) {
  try {
    const rtml::testing::AllocationLimit limit(std::size_t{1} << 26U);
    Database database(folder, {.max_bytes = std::uint64_t{1} << 24U});
    if (!(content_of(database) == content)) return "other content was read";
    if (!write) return "";
    const Database::Table& table = database.table("rows");
    EventLog log(database, "events", {.durability = EventLog::Durability::none});
    const std::string value(20'000, 'x');
    database.write([&](Database::Transaction& transaction) {
      for (const auto& [key, unused] : content.rows) transaction.put(table, as_bytes(key), as_bytes("new"));
      for (int i = 0; i < 20; ++i) transaction.put(table, as_bytes("more" + std::to_string(i)), as_bytes(value));
    });
    log.drop_before(100);
    log.keep_latest_before(200);
    database.write([&](Database::Transaction& transaction) {
      for (const auto& [key, unused] : content.rows) transaction.erase(table, as_bytes(key));
    });
    return rows_of(database.snapshot(), table).size() == 20 ? "" : "it did not become what was written";
  } catch (const Error&) {
    return "";
  } catch (const std::exception& error) {
    return std::string("threw something else than Error: ") + error.what();
  }
}

}  // namespace

TEST_CASE("Tables hold what was put into them, in the order of the keys, over restarts", "[database]") {
  const std::uint64_t seed = GENERATE(range<std::uint64_t>(1, 7));
  CAPTURE(seed);
  const TemporaryFolder folder;
  Rng rng(seed);
  Rows model[2];
  for (int restart = 0; restart < 6; ++restart) {
    Database database(folder / "db");  // its structure is checked here
    const Database::Table* tables[] = {&database.table("one"), &database.table("two")};
    for (int step = 0; step < 12; ++step) {
      const bool fails = rng.below(4) == 0;
      Rows next[2] = {model[0], model[1]};
      const auto change = [&](Database::Transaction& transaction) {
        for (std::uint64_t i = rng.below(300); i > 0; --i) {
          const std::size_t which = rng.below(2);
          const std::string key = random_text(rng, 1, seed % 2 == 0 ? 2 : 511);
          if (rng.below(3) == 0 && !next[which].empty()) {
            const std::string near = next[which].lower_bound(key) == next[which].end() ? key : next[which].lower_bound(key)->first;
            REQUIRE(transaction.erase(*tables[which], as_bytes(near)) == (next[which].erase(near) == 1));
          } else {
            next[which][key] = random_text(rng, 0, rng.below(10) == 0 ? 30'000 : 200);
            const auto& value = next[which][key];
            const std::size_t cut = static_cast<std::size_t>(rng.below(value.size() + 1));
            transaction.put(*tables[which], as_bytes(key), as_bytes(value).first(cut), as_bytes(value).subspan(cut));
          }
        }
        if (rng.below(3) == 0) REQUIRE(rows_of(transaction, *tables[0]) == next[0]);  // it sees what it did
        if (fails) throw std::runtime_error("no");
      };
      if (fails) {
        CHECK_THROWS_AS(database.write(change), std::runtime_error);
      } else {
        database.write(change);
        model[0] = next[0];
        model[1] = next[1];
      }
    }
    const Database::Snapshot snapshot = database.snapshot();
    for (std::size_t which = 0; which < 2; ++which) {
      REQUIRE(rows_of(snapshot, *tables[which]) == model[which]);
      Database::Cursor cursor = snapshot.cursor(*tables[which]);
      for (int i = 0; i < 50; ++i) {
        const std::string key = random_text(rng, 1, 3);
        const auto found = model[which].lower_bound(key);
        REQUIRE(cursor.seek(as_bytes(key)) == (found != model[which].end()));
        if (found != model[which].end()) REQUIRE(as_text(cursor.key()) == found->first);
        const auto above = model[which].upper_bound(key);
        REQUIRE(cursor.seek_last(as_bytes(key)) == (above != model[which].begin()));
        if (above != model[which].begin()) REQUIRE(as_text(cursor.key()) == std::prev(above)->first);
        const auto value = snapshot.get(*tables[which], as_bytes(key));
        REQUIRE(value.has_value() == (model[which].count(key) == 1));
        if (value) REQUIRE(as_text(*value) == model[which].at(key));
      }
    }
  }
}

TEST_CASE("A file cut to any length is refused by name", "[database][hostile]") {
  const TemporaryFolder folder;
  make_file(folder / "db");
  const std::string file = folder / "db/data.mdb";
  const auto whole = read_file(file);
  for (std::size_t size = 0; size < whole.size(); size += size < 300 ? 1 : 509) {
    CAPTURE(size, whole.size());
    write_file(file, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    try {
      Database database(folder / "db");
      // Only pages that nothing reaches are gone.
      REQUIRE(content_of(database) == make_file(folder / ("db" + std::to_string(size))));
    } catch (const FormatError& error) {
      REQUIRE(std::string(error.what()).starts_with(file + " is damaged: "));
    }
  }
}

TEST_CASE("A file with any byte flipped is refused, or reads as before and can be written", "[database][hostile]") {
  const TemporaryFolder folder;
  const Content content = make_file(folder / "db");
  const std::string file = folder / "db/data.mdb";
  const auto whole = read_file(file);
  REQUIRE(use_damaged(folder / "db", content, false).empty());
  Rng rng(3);
  std::vector<std::size_t> places;
  for (std::size_t page = 0; page < whole.size(); page += 4096)
    for (std::size_t i = 0; i < 20; ++i) places.push_back(page + i);                 // heads of pages
  for (std::size_t i = 0; i < 160; ++i) places.insert(places.end(), {i, 4096 + i});  // both metas
  for (const std::string name : {"rows", "log.events", "rtml.tables"})               // wherever a table is named
    for (auto at = whole.begin();; ++at) {
      at = std::search(at, whole.end(), as_bytes(name).begin(), as_bytes(name).end());
      if (at == whole.end()) break;
      places.push_back(static_cast<std::size_t>(at - whole.begin()));
    }
  for (int i = 0; i < 1500; ++i) places.push_back(static_cast<std::size_t>(rng.below(whole.size())));
  std::size_t refused = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto damaged = whole;
    const auto mask = static_cast<std::byte>(i % 3 == 0 ? 0xffU : 1U << rng.below(8));
    damaged[places[i]] ^= mask;
    write_file(file, damaged);
    CAPTURE(places[i], static_cast<unsigned>(mask));
    REQUIRE(use_damaged(folder / "db", content, i % 8 == 0) == "");
    try {
      const Database database(folder / "db");
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > places.size() / 6);  // when it was opened; the others when they were read
}

TEST_CASE("A row that is damaged or strayed from another key is refused by name, and so is a table without its name",
          "[database][hostile]") {
  const TemporaryFolder folder;
  {
    Database database(folder / "db");
    const Database::Table& table = database.table("rows");
    database.write([&](Database::Transaction& transaction) { transaction.put(table, as_bytes("key"), as_bytes("the value")); });
  }
  auto file = read_file(folder / "db/data.mdb");
  const auto damage = [&](std::string_view from, std::string_view to) {
    const auto old = as_bytes(from);
    for (auto at = std::search(file.begin(), file.end(), old.begin(), old.end()); at != file.end();
         at = std::search(at, file.end(), old.begin(), old.end()))
      std::copy(as_bytes(to).begin(), as_bytes(to).end(), at);
    write_file(folder / "db/data.mdb", file);
  };
  std::string key = "6b6579";
  SECTION("value") { damage("the value", "the vague"); }
  SECTION("key") { damage("keythe value", "kexthe value"), key = "6b6578"; }
  SECTION("table") {
    damage("rows", "cows");
    Database database(folder / "db");
    CHECK_THROWS_WITH(database.table("cows"), (folder / "db") + ": row 636f7773 of table \"rtml.tables\" is damaged: its checksum differs");
    return;
  }
  Database database(folder / "db");
  const Database::Table& found = database.table("rows");
  CHECK_THROWS_WITH(rows_of(database.snapshot(), found),
                    (folder / "db") + ": row " + key + " of table \"rows\" is damaged: its checksum differs");
  CHECK_THROWS_AS(database.snapshot().get(found, as_bytes("key")), FormatError);  // and not: there is none
}

TEST_CASE("What is no database is refused by name", "[database][hostile]") {
  const TemporaryFolder folder;
  { const Database database(folder / "db"); }
  const std::string file = folder / "db/data.mdb";
  SECTION("a text") { write_file(file, std::vector<std::byte>(10'000, std::byte{'x'})); }
  SECTION("nothing") { write_file(file, {}); }
  SECTION("a folder") {
    std::filesystem::remove(file);
    std::filesystem::create_directory(file);
    CHECK_THROWS_WITH(Database(folder / "db"), "cannot read " + file + ": Is a directory");
    return;
  }
  CHECK_THROWS_AS(Database(folder / "db"), FormatError);
}

TEST_CASE("A start that was interrupted while it made the file is begun again", "[database]") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "db/new");
  write_file(folder / "db/new/data.mdb", std::vector<std::byte>(100));
  Database database(folder / "db");
  const Database::Table& table = database.table("rows");
  CHECK(rows_of(database.snapshot(), table).empty());
  CHECK_FALSE(std::filesystem::exists(folder / "db/new"));
}

TEST_CASE("A folder that is held is refused with its path and the holder's process, until that ends", "[database]") {
  const TemporaryFolder folder;
  const std::string expected = "cannot lock " + (folder / "db/LOCK") + ": held by process ";
  {
    const Database database(folder / "db");
    CHECK_THROWS_WITH(Database(folder / "db"), expected + std::to_string(::getpid()));
  }
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t holder = ::fork();
  REQUIRE(holder >= 0);
  if (holder == 0) {
    const Database database(folder / "db");
    static_cast<void>(!::write(ready[1], "x", 1));
    for (;;) ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK_THROWS_WITH(Database(folder / "db"), expected + std::to_string(holder));
  CHECK_THROWS_AS(Database(folder / "db"), IoError);
  REQUIRE(::kill(holder, SIGKILL) == 0);
  REQUIRE(::waitpid(holder, nullptr, 0) == holder);
  ::close(ready[0]);
  ::close(ready[1]);
  CHECK(Database(folder / "db").path() == folder / "db");
}

TEST_CASE("Database names what is wrong with its options, keys and tables", "[database][config]") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(Database(""), "Database: path is \"\", must be the name of a folder");
  CHECK_THROWS_WITH(Database(folder / "db", {.max_bytes = 1000}), "Database: max_bytes is 1000, must be in [1 MiB, 64 TiB]");
  CHECK_THROWS_AS(Database(folder / "db", {.max_tables = 0}), ConfigError);
  CHECK_THROWS_AS(Database(folder / "db", {.max_snapshots = 0}), ConfigError);
  Database database(folder / "db", {.max_tables = 2, .max_snapshots = 2});
  const Database::Snapshot before = database.snapshot();
  const Database::Table& table = database.table("one");
  CHECK(&database.table("one") == &table);
  CHECK_THROWS_WITH(before.get(table, as_bytes("key")),
                    "Database: table \"one\" of " + (folder / "db") + " was asked for after this view began");
  database.table("two");
  CHECK_THROWS_AS(database.table("three"), ConfigError);
  CHECK_THROWS_AS(database.table(""), ConfigError);
  const std::string long_key(512, 'x');
  for (const std::string& key : {std::string(), long_key}) {
    CHECK_THROWS_AS(database.write([&](auto& transaction) { transaction.put(table, as_bytes(key), {}); }), ConfigError);
    CHECK_THROWS_AS(database.write([&](auto& transaction) { transaction.erase(table, as_bytes(key)); }), ConfigError);
    CHECK_THROWS_AS(database.snapshot().get(table, as_bytes(key)), ConfigError);
  }
  const Database::Snapshot second = database.snapshot();
  CHECK_THROWS_WITH(database.snapshot(), "cannot read " + (folder / "db") + ": there are max_snapshots");
  CHECK(database.bytes() >= 8192);
}

TEST_CASE("A snapshot sees one state while others write", "[database][threads]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  const Database::Table& table = database.table("rows");
  const auto put_all = [&](int value) {
    database.write([&](Database::Transaction& transaction) {
      for (int i = 0; i < 50; ++i) transaction.put(table, as_bytes("key" + std::to_string(i)), as_bytes(std::to_string(value)));
    });
  };
  put_all(0);
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  std::atomic<int> mixed{0};
  for (int t = 0; t < 2; ++t)
    readers.emplace_back([&] {
      while (!done) {
        const Rows rows = rows_of(database.snapshot(), table);
        for (const auto& [key, value] : rows)
          if (value != rows.begin()->second) ++mixed;
      }
    });
  for (int i = 1; i < 60; ++i) put_all(i);
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(mixed == 0);
}
