#include "rtml/store/durable_rows.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "durable/database_rows.hpp"
#include "durable/log_samples.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"
#include "store/store_rows.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace rtml::testing;

namespace {

/// A store of card_view, whose clock is far ahead of all rows.
struct Cards {
  explicit Cards(FeatureView::Options options = {.history = 3}) : view(card_view(options)), row(view) { store.add(view, {}); }

  void put(const std::vector<PlainRow>& rows, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) store.put(row(rows[i]));
  }
  std::vector<std::string> rows() const {
    std::vector<std::string> all;
    store.visit_changed(view, 0, [&](const StoredRow& shown) {
      all.push_back(std::string(shown.key) + "@" + std::to_string(shown.event_time.time_since_epoch().count()) + "@" +
                    std::to_string(shown.available_at.time_since_epoch().count()));
      for (const std::uint64_t cell : shown.cells) all.back() += "," + std::to_string(cell);
    });
    std::sort(all.begin(), all.end());
    return all;
  }

  FeatureView view;
  CardRow row;
  OnlineStore store{[] { return second(3'000'000'000); }};
};

PlainRow null_row(std::int64_t card, Time event_time, Time available_at) {
  PlainRow row;
  row.card = card;
  row.event_time = event_time;
  row.available_at = available_at;
  return row;
}

}  // namespace

TEST_CASE("What was saved is there after a restart, what was not is lost, and nothing else", "[durable][store]") {
  const TemporaryFolder folder;
  const auto rows = card_rows(5, 4000, 60, 500);
  std::vector<std::string> saved;
  std::size_t from = 0;
  for (const std::size_t stop : {500U, 501U, 1700U, 4000U}) {
    Database database(folder / "db");
    Cards cards;
    DurableRows durable(database, cards.store, cards.view);
    REQUIRE(cards.rows() == saved);
    CHECK(durable.restored() == saved.size());
    for (std::size_t i = from; i < stop; i += 100) {
      cards.put(rows, i, std::min(i + 100, stop));
      durable.save();
    }
    CHECK(durable.save() == 0);
    saved = cards.rows();
    cards.put(rows, 0, 50);  // old ones change nothing
    CardRow late(cards.view);
    cards.store.put(late(null_row(1, second(2'000'000), second(2'000'000))));  // and this is not saved
    from = stop;
  }
}

TEST_CASE("A transaction that fails holds the rows again next time", "[durable][store]") {
  const TemporaryFolder folder;
  const auto rows = card_rows(6, 300, 20, 10);
  Database database(folder / "db");
  Cards cards;
  DurableRows durable(database, cards.store, cards.view);
  cards.put(rows, 0, 200);
  const auto failing = [&](Database::Transaction& transaction) {
    CHECK(durable.write(transaction) == 20);
    throw std::runtime_error("no");
  };
  CHECK_THROWS_AS(database.write(failing), std::runtime_error);
  const Database::Table& own = database.table("own");
  database.write([&](Database::Transaction& transaction) {
    CHECK(durable.write(transaction) == 20);
    transaction.put(own, as_bytes("offset"), as_bytes("200"));
  });
  durable.committed();
  cards.put(rows, 200, 201);
  CHECK(durable.save() == 1);
  Cards again;
  CHECK(DurableRows(database, again.store, again.view).restored() == cards.rows().size());
  CHECK(again.rows() == cards.rows());
}

TEST_CASE("Entities that the store let go leave the table when it is written anew", "[durable][store]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  Cards cards({.ttl = seconds(1'000'000'000), .history = 1});
  DurableRows durable(database, cards.store, cards.view);
  CardRow row(cards.view);
  for (std::int64_t card = 0; card < 10; ++card)
    cards.store.put(row(null_row(card, second(card < 4 ? 1 : 2'500'000'000), second(2'500'000'000))));
  durable.save();
  CHECK(cards.store.evict_stale() == 4);
  CHECK(durable.save() == 0);
  const Database::Table& table = database.table("rows.card");
  CHECK(rows_of(database.snapshot(), table).size() == 10);
  CHECK(durable.rewrite() == 6);
  CHECK(rows_of(database.snapshot(), table).size() == 6);
}

TEST_CASE("Rows of another definition, or damaged ones, are refused by name", "[durable][store][hostile]") {
  const TemporaryFolder folder;
  Database database(folder / "db");
  {
    Cards cards;
    DurableRows durable(database, cards.store, cards.view);
    cards.put(card_rows(7, 10, 3, 10), 0, 10);
    durable.save();
  }
  Cards other({.ttl = days(1), .history = 3});
  CHECK_THROWS_WITH(DurableRows(database, other.store, other.view),
                    "view \"card\" in " + database.path() + " has another definition: keys, columns or time to live");
  const Database::Table& table = database.table("rows.card");
  database.write([&](Database::Transaction& transaction) { transaction.put(table, as_bytes("12345678"), as_bytes("short")); });
  Cards cards;
  CHECK_THROWS_WITH(DurableRows(database, cards.store, cards.view), database.path() + ": a row of view \"card\" has another size");
  database.write(
      [&](Database::Transaction& transaction) { transaction.put(table, as_bytes("12345678"), as_bytes(std::string(48, '\xff'))); });
  Cards more;
  CHECK_THROWS_AS(DurableRows(database, more.store, more.view), FormatError);
}
