#include "rtml/store/database.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <vector>

#include "durable/database_rows.hpp"
#include "durable/log_samples.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/store/event_log.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"
#include "support/thin.hpp"

using namespace rtml::testing;
using rtml::Database;
using rtml::Error;
using rtml::EventLog;
using rtml::FormatError;
using rtml::Rng;
using rtml::checkpoint::testing::read_file;
using rtml::checkpoint::testing::write_file;

namespace {

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
  for (std::size_t i = 0; i < places.size(); i += thin) {
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
  CHECK(refused > places.size() / thin / 6);  // when it was opened; the others when they were read
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
    put(blocks, std::string(7, '\0') + "\3", head);
    put(meta, "state", version + zeros + numbers({0, 3, 3, 0}));  // compacted: there may be gaps
    for (const std::string& turned :
         {record(0, 1, 2) + record(2, 3, 0) + record(1, 1, 2), record(0, 0, 3) + record(2, 0, 3) + record(1, 0, 3)}) {
      put(blocks, zero, head + turned);
      CHECK_THROWS_WITH(EventLog(database, "events").keep_latest_before(3), "event log: the record at offset 1 is out of order");
    }
    put(blocks, zero + "x", head + record(0, 1, 2));
    CHECK_THROWS_WITH(EventLog(database, "events").snapshot().offset_at(rtml::Time::max()), "event log: a block's key is no offset");
  }
}
