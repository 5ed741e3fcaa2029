#include "rtml/store/online_store.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/transform/entity_windows.hpp"
#include "store_rows.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::AllocationCounter;
using rtml::testing::card_rows;
using rtml::testing::card_view;
using rtml::testing::CardRow;
using rtml::testing::plain_as_of;
using rtml::testing::plain_last;
using rtml::testing::plain_status;
using rtml::testing::PlainRow;
using rtml::testing::second;

static_assert(Checkpointable<OnlineStore> && Sized<OnlineStore>);

namespace {

/// A store of card_view whose clock is set by hand.
struct CardStore {
  explicit CardStore(FeatureView::Options options = {}, const ViewBounds& bounds = {}) : view(card_view(options)), row(view) {
    store.add(view, bounds);
  }

  PutResult put(const PlainRow& from) { return store.put(row(from)); }
  StoreCounters counters() const { return store.counters(view); }

  /// The count of a card, read for the time `at`.
  std::pair<ValueStatus, std::int64_t> count(std::int64_t card, Time at) const {
    const auto handle = store.resolve<std::int64_t>(view, {"count"});
    std::int64_t value = -1;
    ValueStatus status{};
    handle.get(view.key(card), at, {&value, 1}, {&status, 1});
    return {status, value};
  }

  Time now = second(2'000'000);
  FeatureView view;
  CardRow row;
  OnlineStore store{[this] { return now; }};
};

PlainRow counted(std::int64_t card, Time event_time, std::int64_t count) {
  PlainRow row;
  row.card = card;
  row.event_time = row.available_at = event_time;
  row.count = count;
  return row;
}

std::string message_of_store(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

constexpr auto present = ValueStatus::present;
constexpr auto stale = ValueStatus::stale;
constexpr auto missing = ValueStatus::missing;

auto rows_of(const OnlineStore& store, const FeatureView& view) {
  std::vector<std::tuple<std::string, Time, Time, std::vector<std::uint64_t>>> all;
  store.visit_changed(view, 0, [&](const StoredRow& row) {
    all.emplace_back(row.key, row.event_time, row.available_at, std::vector<std::uint64_t>(row.cells.begin(), row.cells.end()));
  });
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

TEST_CASE("A store answers what a search through all rows answers", "[store]") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    const Duration ttl = seed == 4 ? FeatureView::forever : Duration(seconds(40));
    CardStore cards({.ttl = ttl, .history = seed});
    const auto floats = cards.store.resolve<float>(cards.view, {"mean", "spend", "abroad"});
    const auto doubles = cards.store.resolve<double>(cards.view, {"abroad", "balance", "spend"});
    std::vector<PlainRow> rows;
    for (const PlainRow& row : card_rows(seed, 1500, 20, 60)) {
      cards.now = row.available_at;
      rows.push_back(row);
      cards.put(row);
      const auto card = static_cast<std::int64_t>(rows.size() * 7 % 22);  // two cards have no row
      const Time at = cards.now + seconds(rows.size() % 50);
      const PlainRow* expected = plain_as_of(rows, card, at);
      float f[3] = {};
      double d[3] = {};
      ValueStatus status[3] = {};

      floats.get(cards.view.key(card), at, f, status);
      REQUIRE(status[0] == plain_status(expected, &PlainRow::mean, at, ttl));
      REQUIRE(status[1] == plain_status(expected, &PlainRow::spend, at, ttl));
      REQUIRE(status[2] == plain_status(expected, &PlainRow::abroad, at, ttl));
      REQUIRE((status[0] == present ? f[0] == *expected->mean : is_nan(f[0])));
      REQUIRE((status[1] == present ? f[1] == *expected->spend : is_nan(f[1])));
      REQUIRE((status[2] == present ? (f[2] == 1.0F) == *expected->abroad : is_nan(f[2])));

      doubles.get(cards.view.key(card), at, d, status);
      REQUIRE(status[1] == plain_status(expected, &PlainRow::balance, at, ttl));
      REQUIRE((status[0] == present ? (d[0] == 1.0) == *expected->abroad : is_nan(d[0])));
      REQUIRE((status[1] == present ? d[1] == *expected->balance : is_nan(d[1])));
      REQUIRE((status[2] == present ? d[2] == static_cast<double>(*expected->spend) : is_nan(d[2])));

      const auto [count_status, count] = cards.count(card, at);
      REQUIRE(count_status == plain_status(expected, &PlainRow::count, at, ttl));
      REQUIRE(count == (count_status == present ? *expected->count : 0));
    }
    CHECK(cards.counters().stored + cards.counters().late == rows.size());
    CHECK(cards.counters().late > 0);
    CHECK((cards.counters().stale_reads > 0) == (seed != 4));
  }
}

TEST_CASE("Many keys are answered as one by one", "[store]") {
  CardStore cards({.ttl = seconds(100)});
  cards.now = second(1'003'000);
  for (const PlainRow& row : card_rows(5, 2000, 300, 10)) cards.put(row);
  const auto handle = cards.store.resolve<double>(cards.view, {"mean", "balance", "spend"});
  const Time at = second(1'002'000);
  for (const std::size_t n : {0U, 1U, 15U, 16U, 17U, 33U, 310U}) {
    std::vector<EntityKey> keys;
    for (std::size_t i = 0; i < n; ++i) keys.push_back(cards.view.key(i * 7 % 310));
    std::vector<double> many(n * 3);
    std::vector<ValueStatus> many_status(n * 3);
    handle.multi_get(keys, at, many, many_status);
    for (std::size_t i = 0; i < n; ++i) {
      double one[3] = {};
      ValueStatus status[3] = {};
      handle.get(keys[i], at, one, status);
      for (std::size_t k = 0; k < 3; ++k) {
        REQUIRE(std::bit_cast<std::uint64_t>(one[k]) == std::bit_cast<std::uint64_t>(many[i * 3 + k]));
        REQUIRE(status[k] == many_status[i * 3 + k]);
      }
    }
  }
}

TEST_CASE("A newer row is never overwritten by an older one", "[store]") {
  CardStore cards;
  const PlainRow rows[] = {counted(1, second(100), 1), counted(1, second(200), 2), counted(1, second(300), 3)};
  CHECK(cards.put(rows[2]) == PutResult::stored);  // a batch that comes newest first
  CHECK(cards.put(rows[1]) == PutResult::late);
  CHECK(cards.put(rows[0]) == PutResult::late);
  CHECK(cards.count(1, cards.now) == std::pair(present, std::int64_t{3}));
  CHECK(cards.counters().late == 2);

  PlainRow correction = counted(1, second(300), 4);
  correction.available_at = second(301);
  CHECK(cards.put(correction) == PutResult::stored);
  CHECK(cards.put(rows[2]) == PutResult::late);  // of one event time, what became available first
  CHECK(cards.count(1, cards.now).second == 4);
  correction.count = 5;
  CHECK(cards.put(correction) == PutResult::stored);  // equal times: the later one
  CHECK(cards.count(1, cards.now).second == 5);
}

TEST_CASE("A value older than its time to live is never read as present", "[store]") {
  CardStore cards({.ttl = 60s});
  cards.put(counted(1, second(1000), 7));
  CHECK(cards.count(1, second(1000)) == std::pair(present, std::int64_t{7}));
  CHECK(cards.count(1, second(1060)) == std::pair(present, std::int64_t{7}));  // of age ttl
  CHECK(cards.count(1, second(1060) + 1us) == std::pair(stale, std::int64_t{0}));
  CHECK(cards.count(1, second(1000) - 1us) == std::pair(missing, std::int64_t{0}));
  CHECK(cards.counters().stale_reads == 1);
  CHECK(cards.counters().missing_reads == 1);

  cards.now = second(1060);
  CHECK(cards.store.evict_stale() == 0);
  cards.now += 1us;
  CHECK(cards.store.evict_stale() == 1);
  CHECK(cards.count(1, second(1060)).first == missing);
  CHECK(cards.counters().expired == 1);
  CHECK(cards.counters().entities == 0);

  CardStore forever;
  forever.put(counted(1, second(0), 7));
  CHECK(forever.count(1, Time(FeatureView::longest)).first == present);
  CHECK(forever.count(1, Time::max()).first == present);
  CHECK(forever.count(1, Time::min()).first == missing);
}

TEST_CASE("A row of the future does not freeze its key", "[store]") {
  CardStore cards;
  cards.now = second(1000);
  CHECK(cards.put(counted(1, second(1000) + 1us, 1)) == PutResult::ahead);
  PlainRow later = counted(1, second(900), 2);
  later.available_at = second(1000) + 1us;
  CHECK(cards.put(later) == PutResult::ahead);
  CHECK(cards.put(counted(1, second(1000), 3)) == PutResult::stored);
  later.available_at = second(900);
  later.event_time = second(1000) + 1us;
  CHECK(cards.put(later) == PutResult::ahead);
  CHECK(cards.counters().ahead == 3);
  CHECK(cards.count(1, cards.now).second == 3);

  CardStore tolerant({.history = 2}, {.max_ahead = 5s});
  tolerant.now = second(1000);
  CHECK(tolerant.put(counted(1, second(999), 1)) == PutResult::stored);
  CHECK(tolerant.put(counted(1, second(1005) + 1us, 2)) == PutResult::ahead);
  PlainRow early = counted(1, second(1005), 3);
  early.available_at = second(1000);
  CHECK(tolerant.put(early) == PutResult::stored);
  CHECK(tolerant.count(1, second(1004)).second == 1);  // not served before its time
  CHECK(tolerant.count(1, second(1005)).second == 3);
  const auto handle = tolerant.store.resolve<std::int64_t>(tolerant.view, {"count"});
  std::int64_t last[2] = {};
  ValueStatus status[2] = {};
  CHECK(handle.last(tolerant.view.key(1), second(1004), last, status) == 1);
  CHECK(last[0] == 1);
  CHECK(status[1] == missing);
}

TEST_CASE("A row without its own availability was available when it was put", "[store]") {
  CardStore cards;
  cards.now = second(1000);
  FeatureRow row(cards.view);
  row.begin(cards.view.key(1), second(900));
  row.set(cards.view.column<std::int64_t>("count"), 6);
  CHECK(cards.store.put(row) == PutResult::stored);
  CHECK(cards.count(1, second(1000)).second == 6);
  CHECK(cards.count(1, second(1000) - 1us).first == missing);

  row.set_available_at(second(950));
  row.begin(cards.view.key(2), second(900));
  CHECK(cards.store.put(row) == PutResult::stored);  // nothing is left of the row before
  CHECK(cards.count(2, second(1000) - 1us).first == missing);
}

TEST_CASE("What is no row is refused and counted", "[store]") {
  CardStore cards;
  CHECK(cards.put(counted(1, Time(Duration(-1)), 1)) == PutResult::refused);
  cards.now = Time(FeatureView::longest) + days(2);
  CHECK(cards.put(counted(1, Time(FeatureView::longest) + 1us, 1)) == PutResult::refused);
  FeatureRow row(cards.view);
  row.begin(EntityKey(), second(1));
  CHECK(cards.store.put(row) == PutResult::refused);
  CHECK(cards.counters().refused == 3);
  CHECK(cards.counters().entities == 0);

  cards.now = second(2);
  FeatureRow infinite(cards.view);
  infinite.begin(cards.view.key(1), second(1));
  infinite.set(cards.view.column<float>("spend"), std::numeric_limits<float>::infinity());
  CHECK(cards.store.put(infinite) == PutResult::stored);
  CHECK(cards.counters().refused_values == 1);

  const FeatureRow other(card_view({.ttl = days(1)}));
  CHECK(cards.store.put(other) == PutResult::refused);
}

TEST_CASE("Entities whose hashes are equal are different entities", "[store]") {
  const rtml::testing::CollidingKeys keys;
  const FeatureView& view = keys.view;
  const EntityKey& first = keys.a;
  const EntityKey& second_key = keys.b;
  REQUIRE(first.hash() == second_key.hash());
  REQUIRE_FALSE(first == second_key);

  OnlineStore store([] { return second(100); });
  store.add(view);
  const auto handle = store.resolve<float>(view, {"x"});
  const auto put = [&](const EntityKey& key, float value) {
    FeatureRow row(view);
    row.begin(key, second(1));
    row.set(view.column<float>("x"), value);
    store.put(row);
  };
  const auto get = [&](const EntityKey& key) {
    float value = 0.0F;
    ValueStatus status{};
    handle.get(key, second(100), {&value, 1}, {&status, 1});
    return std::pair(status, status == present ? value : 0.0F);
  };
  put(first, 1.0F);
  CHECK(get(second_key) == std::pair(missing, 0.0F));
  put(second_key, 2.0F);
  CHECK(get(first) == std::pair(present, 1.0F));
  CHECK(get(second_key) == std::pair(present, 2.0F));
  CHECK(store.counters(view).entities == 2);
}

TEST_CASE("Integers come back to the last digit, and columns as no other type", "[store]") {
  CardStore cards;
  for (const std::int64_t value :
       {(std::int64_t{1} << 53U) + 1, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    cards.now += 1s;
    cards.put(counted(1, cards.now, value));
    CHECK(cards.count(1, cards.now) == std::pair(present, value));
  }
  const OnlineStore& store = cards.store;
  const FeatureView& view = cards.view;
  CHECK(message_of_store([&] { store.resolve<float>(view, {"spend", "count"}); }) == "view \"card\": column \"count\" is int64, not float");
  CHECK(message_of_store([&] { store.resolve<double>(view, {"count"}); }) == "view \"card\": column \"count\" is int64, not double");
  CHECK(message_of_store([&] { store.resolve<float>(view, {"balance"}); }) == "view \"card\": column \"balance\" is double, not float");
  CHECK(message_of_store([&] { store.resolve<std::int64_t>(view, {"spend"}); }) == "view \"card\": column \"spend\" is float, not int64");
}

TEST_CASE("A handle is refused by name when columns or views are not there", "[store]") {
  CardStore cards;
  OnlineStore& store = cards.store;
  const FeatureView& view = cards.view;
  CHECK(message_of_store([&] { store.resolve<float>(view, {"spent"}); }) == "view \"card\" has no column \"spent\"");
  CHECK(message_of_store([&] {
          store.resolve<float>(view, {"spend", "spend"});
        }) == "view \"card\": column is \"spend\", must be asked for once");
  CHECK(message_of_store([&] { store.resolve<float>(view, {}); }) == "view \"card\": columns is 0, must be at least one");
  CHECK(message_of_store([&] { store.resolve<float>(card_view({.ttl = days(2)}), {"spend"}); }) ==
        "OnlineStore: view \"card\": its time to live differs");
  CHECK(message_of_store([&] {
          store.resolve<float>({"shop", {KeyColumn::integer("id")}, {ValueColumn::of<float>("x")}}, {"x"});
        }) == "OnlineStore: view \"shop\" was not added");
  CHECK(message_of_store([&] { store.add(card_view({.history = 2})); }) == "OnlineStore: view is \"card\", must be added once");
  OnlineStore other;
  CHECK(message_of_store([&] { other.add(view, {.max_entities = 0}); }) ==
        "OnlineStore view \"card\": max_entities is 0, must be in [1, 2^31]");
  CHECK(message_of_store([&] { other.add(view, {.shards = 3}); }) ==
        "OnlineStore view \"card\": shards is 3, must be a power of two up to 64");
  CHECK(message_of_store([&] { other.add(view, {.max_ahead = days(2)}); }) ==
        "OnlineStore view \"card\": max_ahead (us) is 172800000000, must be in [0, 1 day]");
}

TEST_CASE("Reading asks for no name and no memory once a handle is resolved", "[store]") {
  CardStore cards({.history = 4});
  const auto handle = cards.store.resolve<float>(cards.view, {"spend", "mean"});
  for (std::int64_t card = 0; card < 200; ++card) cards.put(counted(card, second(1000), card));
  std::vector<EntityKey> keys;
  for (std::int64_t card = 0; card < 300; ++card) keys.push_back(cards.view.key(card));
  std::vector<float> out(600);
  std::vector<ValueStatus> status(600);
  const AllocationCounter allocations;
  for (std::int64_t i = 0; i < 500; ++i) {
    cards.put(counted(i % 200, second(1000 + i), i));
    handle.get(cards.view.key(i), cards.now, {out.data(), 2}, {status.data(), 2});
    handle.last(cards.view.key(i), cards.now, {out.data(), 8}, {status.data(), 8});
  }
  handle.multi_get(keys, cards.now, out, status);
  const auto count = allocations.count();
  CHECK(count == 0);
}

TEST_CASE("Memory stays within the bound however many entities come", "[store]") {
  CardStore cards({}, {.max_entities = 1000, .shards = 4});
  for (std::int64_t card = 0; card < 3000; ++card) cards.put(counted(card, second(1000), card));
  const std::size_t full = cards.store.memory_bytes();
  for (std::int64_t card = 3000; card < 30'000; ++card) cards.put(counted(card, second(1000), card));
  CHECK(cards.store.memory_bytes() == full);
  CHECK(cards.counters().entities == 1000);
  CHECK(cards.counters().evicted == 29'000);
  CHECK(cards.counters().stored == 30'000);
}

TEST_CASE("memory_bytes is what was allocated", "[store]") {
  const AllocationCounter allocations;
  auto cards = std::make_unique<CardStore>(FeatureView::Options{.history = 8}, ViewBounds{.max_entities = 20'000});
  for (std::int64_t card = 0; card < 15'000; ++card) cards->put(counted(card, second(1000), card));
  const auto allocated = static_cast<double>(allocations.bytes());
  const auto told = static_cast<double>(cards->store.memory_bytes());
  CHECK(told > 0.7 * allocated);  // tables that grew were allocated twice
  CHECK(told < 1.02 * allocated);
}

TEST_CASE("An entity in use outlives those that are not", "[store]") {
  CardStore cards({}, {.max_entities = 64, .shards = 1});
  for (std::int64_t card = 0; card < 64; ++card) cards.put(counted(card, second(1000), card));
  for (std::int64_t card = 64; card < 2000; ++card) {
    CHECK(cards.count(5, cards.now).first == present);  // read
    cards.put(counted(6, second(1000 + card), card));   // written
    cards.put(counted(card, second(1000), card));
  }
  CHECK(cards.count(5, cards.now).first == present);
  CHECK(cards.count(6, cards.now).first == present);
  CHECK(cards.count(7, cards.now).first == missing);
}

TEST_CASE("The last rows of an entity are there in the order of their event times", "[store]") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const Duration ttl = seconds(120);
    const std::size_t kept = 1 + 3 * seed;
    CardStore cards({.ttl = ttl, .history = kept});
    const auto handle = cards.store.resolve<double>(cards.view, {"balance", "spend"});
    std::vector<PlainRow> rows;
    for (const PlainRow& row : card_rows(seed + 10, 1200, 12, 50)) {
      cards.now = row.available_at;
      rows.push_back(row);
      cards.put(row);
      const auto card = static_cast<std::int64_t>(rows.size() % 13);
      const Time at = cards.now + seconds(rows.size() % 40);
      double out[24] = {};
      ValueStatus status[24] = {};
      const std::size_t present_rows = handle.last(cards.view.key(card), at, out, status);
      const std::vector<const PlainRow*> expected = plain_last(rows, card, at, std::min<std::size_t>(kept, 12));
      std::size_t expected_present = 0;
      for (std::size_t i = 0; i < 12; ++i) {
        const PlainRow* wanted = i < expected.size() ? expected[i] : nullptr;
        REQUIRE(status[2 * i] == plain_status(wanted, &PlainRow::balance, at, ttl));
        REQUIRE(status[2 * i + 1] == plain_status(wanted, &PlainRow::spend, at, ttl));
        REQUIRE((status[2 * i] == present ? out[2 * i] == *wanted->balance : is_nan(out[2 * i])));
        if (wanted != nullptr && wanted->event_time >= at - ttl) ++expected_present;
      }
      REQUIRE(present_rows == expected_present);
    }
  }
}

TEST_CASE("A store is archived whole, and goes on as if never saved", "[store]") {
  const auto make = [] { return CardStore({.history = 3}, {.max_entities = 40, .shards = 1}); };
  CardStore cards = make();
  const std::vector<PlainRow> rows = card_rows(21, 600, 60, 30);
  cards.store = OnlineStore([] { return second(3'000'000); });
  cards.store.add(cards.view, {.max_entities = 40, .shards = 1});
  for (std::size_t i = 0; i < 300; ++i) cards.put(rows[i]);
  OnlineStore restored([] { return second(3'000'000); });
  restored.add(cards.view, {.max_entities = 40, .shards = 1});
  load(restored, save(cards.store));
  CHECK(restored.counters(cards.view) == cards.counters());
  CHECK(cards.counters().evicted > 0);
  for (std::size_t i = 300; i < rows.size(); ++i) {
    cards.put(rows[i]);
    restored.put(cards.row(rows[i]));
  }
  CHECK(save(restored) == save(cards.store));  // the same entities were evicted, too
  OnlineStore copy = restored;
  CHECK(save(copy) == save(restored));
}

TEST_CASE("A damaged archive of a store is refused", "[store]") {
  CardStore cards({.history = 2}, {.max_entities = 128, .shards = 2});
  for (const PlainRow& row : card_rows(3, 60, 12, 30)) cards.put(row);
  OnlineStore blank;
  blank.add(cards.view, {.max_entities = 128, .shards = 2});
  rtml::testing::check_archive(cards.store, blank);

  CardStore two({.history = 2}, {.max_entities = 128, .shards = 2});
  PlainRow row = counted(77, second(1000), 5);
  row.balance = 1.25;
  two.put(row);
  row.event_time = second(1001);
  two.put(row);
  two.put(counted(78, second(1000), 5));
  const auto refuses = [&](const std::vector<std::byte>& bytes) {
    return message_of_store([&] { load(blank, bytes); }).find("holds a value out of range: ") != std::string::npos;
  };
  using rtml::testing::forged;
  const std::vector<std::byte> bytes = save(two.store);
  CHECK(refuses(forged(bytes, 1.25, std::numeric_limits<double>::infinity())));
  CHECK(refuses(forged(bytes, std::int64_t{78}, std::int64_t{77})));                          // an entity twice
  CHECK(refuses(forged(bytes, to_unix_micros(second(1001)), to_unix_micros(second(1000)))));  // an event time twice
  CHECK_FALSE(refuses(forged(bytes, std::int64_t{78}, std::int64_t{79})));

  OnlineStore other;
  other.add(card_view({.ttl = days(1), .history = 2}));
  const std::string message = message_of_store([&] { load(other, save(cards.store)); });
  CHECK(message.find("saved by another view: view \"card\": its time to live differs") != std::string::npos);
}

TEST_CASE("A smaller store takes what fits of a larger one, and counts the rest", "[store]") {
  CardStore large({}, {.max_entities = 500, .shards = 4});
  for (std::int64_t card = 0; card < 400; ++card) large.put(counted(card, second(1000), card));
  OnlineStore small;
  small.add(large.view, {.max_entities = 100, .shards = 1});
  load(small, save(large.store));
  CHECK(small.counters(large.view).entities == 100);
  CHECK(small.counters(large.view).evicted == large.counters().evicted + large.counters().entities - 100);
}

TEST_CASE("Changed rows are shown from a version on, and can be put back elsewhere", "[store]") {
  CardStore cards({.history = 3});
  const std::vector<PlainRow> rows = card_rows(8, 500, 30, 20);
  for (std::size_t i = 0; i < 480; ++i) cards.put(rows[i]);
  OnlineStore copy;
  copy.add(cards.view);
  const auto restore = [&](const StoredRow& row) { REQUIRE(copy.restore(cards.view, row) == PutResult::stored); };
  const std::uint64_t version = cards.store.version(cards.view);
  cards.store.visit_changed(cards.view, 0, restore);
  CHECK(version == cards.counters().stored);

  std::vector<std::string> expected;
  for (std::size_t i = 480; i < rows.size(); ++i)
    if (cards.put(rows[i]) == PutResult::stored) expected.emplace_back(cards.view.key(rows[i].card).bytes());
  std::vector<std::string> changed;
  cards.store.visit_changed(cards.view, version, [&](const StoredRow& row) { changed.emplace_back(row.key); });
  cards.store.visit_changed(cards.view, version, restore);
  for (std::vector<std::string>* names : {&expected, &changed}) {
    std::sort(names->begin(), names->end());
    names->erase(std::unique(names->begin(), names->end()), names->end());
  }
  CHECK(changed == expected);
  CHECK(changed.size() < 30);
  cards.store.visit_changed(cards.view, cards.store.version(cards.view), [](const StoredRow&) { CHECK(false); });

  CHECK(rows_of(copy, cards.view) == rows_of(cards.store, cards.view));

  const std::vector<std::uint64_t> cells(cards.view.layout().words(), ~std::uint64_t{0});
  CHECK(copy.restore(cards.view, {cards.view.key(1).bytes(), second(1), second(1), cells}) == PutResult::refused);
  CHECK(copy.restore(cards.view, {"no key", second(1), second(1), cards.row(rows[0]).cells()}) == PutResult::refused);
  CHECK(copy.restore(cards.view, {cards.view.key(1).bytes(), Time(Duration(-1)), second(1), cards.row(rows[0]).cells()}) ==
        PutResult::refused);
}

TEST_CASE("Rows of one partition move to another store, history and all, and together the partitions are what was", "[store]") {
  CardStore cards({.history = 3});
  for (const PlainRow& row : card_rows(8, 500, 30, 20)) cards.put(row);
  OnlineStore together;
  together.add(cards.view);
  constexpr std::size_t partitions = 3;
  for (std::size_t number = 0; number < partitions; ++number) {
    std::size_t moved = 0;
    cards.store.visit_changed(cards.view, 0, [&](const StoredRow& row) {
      if (EntityWindows::partition_of(EntityKey::from_bytes(row.key).hash(), partitions) != number) return;
      ++moved;
      REQUIRE(together.restore(cards.view, row) == PutResult::stored);
    });
    CHECK(moved > 10);
  }
  CHECK(rows_of(together, cards.view) == rows_of(cards.store, cards.view));
}

TEST_CASE("Every entity of a full shard is shown, and taken out when it is stale", "[store]") {
  CardStore cards({.ttl = 60s}, {.max_entities = 1000, .shards = 1});
  for (std::int64_t card = 0; card < 1000; ++card) cards.put(counted(card, second(1000 + card % 2), card));
  std::size_t shown = 0;
  cards.store.visit_changed(cards.view, 0, [&](const StoredRow&) { ++shown; });
  CHECK(shown == 1000);
  cards.now = second(1061);
  CHECK(cards.store.evict_stale() == 500);
  for (std::int64_t card = 0; card < 1000; ++card) REQUIRE(cards.count(card, second(1061)).first == (card % 2 == 0 ? missing : present));
  OnlineStore copy;
  copy.add(cards.view, {.max_entities = 1000, .shards = 1});
  load(copy, save(cards.store));
  CHECK(copy.counters(cards.view) == cards.counters());
  for (std::int64_t card = 1000; card < 1500; ++card) cards.put(counted(card, second(1061), card));  // in the places that became free
  CHECK(cards.counters().evicted == 0);
  CHECK(cards.counters().entities == 1000);
}
