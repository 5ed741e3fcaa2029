#include "rtml/store/database.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "durable/database_rows.hpp"
#include "durable/log_samples.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using namespace rtml::testing;
using rtml::ConfigError;
using rtml::Database;
using rtml::IoError;
using rtml::Rng;
using rtml::checkpoint::testing::write_file;

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
