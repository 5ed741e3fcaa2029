// What a handle reads that was resolved before its store was loaded, assigned to, moved or destroyed.

#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/store/online_store.hpp"
#include "store_rows.hpp"
#include "support/catch.hpp"

using namespace rtml;
using rtml::testing::card_view;
using rtml::testing::CardRow;
using rtml::testing::second;

static_assert(std::is_nothrow_move_assignable_v<OnlineStore> && std::is_nothrow_move_constructible_v<OnlineStore>);

namespace {

/// Cards 0 to 199, each with `count`.
void put_all(OnlineStore& store, Time at, std::int64_t count) {
  CardRow row(card_view());
  for (std::int64_t card = 0; card < 200; ++card) {
    rtml::testing::PlainRow plain;
    plain.card = card;
    plain.event_time = plain.available_at = at;
    plain.count = count;
    store.put(row(plain));
  }
}

OnlineStore store_of(std::int64_t count, const ViewBounds& bounds = {}) {
  OnlineStore store([] { return second(3000); });
  store.add(card_view(), bounds);
  put_all(store, second(1000), count);
  return store;
}

/// The count that all cards have; nothing when all are missing.
std::optional<std::int64_t> read(const StoreHandle<std::int64_t>& handle) {
  std::vector<EntityKey> keys;
  for (std::int64_t card = 0; card < 200; ++card) keys.push_back(card_view().key(card));
  std::vector<std::int64_t> counts(keys.size());
  std::vector<ValueStatus> status(keys.size());
  handle.multi_get(keys, second(2000), counts, status);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::int64_t last = 0;
    ValueStatus last_status{};
    CHECK(handle.last(keys[i], second(2000), {&last, 1}, {&last_status, 1}) == (status[0] == ValueStatus::present ? 1U : 0U));
    CHECK(last_status == status[0]);
    CHECK(status[i] == status[0]);
    CHECK(counts[i] == counts[0]);
    CHECK(last == counts[0]);
  }
  return status[0] == ValueStatus::missing ? std::nullopt : std::optional(counts[0]);
}

StoreHandle<std::int64_t> handle_of(const OnlineStore& store) { return store.resolve<std::int64_t>(card_view(), {"count"}); }

}  // namespace

TEST_CASE("A handle that was resolved before a load reads what was loaded, and what is put after it", "[store]") {
  OnlineStore store = store_of(1);
  const auto handle = handle_of(store);
  load(store, save(store_of(2)));
  CHECK(read(handle) == 2);
  CHECK(read(handle_of(store)) == 2);

  const auto bytes = save(store_of(3));
  Reader reader(bytes);
  reader(store);  // in place, as a member of something larger is read
  CHECK(read(handle) == 3);

  put_all(store, second(1500), 4);
  CHECK(read(handle) == 4);
  CHECK(store.counters(card_view()).stored == 400);
  CHECK(store.version(card_view()) == 400);
}

TEST_CASE("A load that fails leaves a handle what it had", "[store]") {
  OnlineStore store = store_of(1);
  const auto handle = handle_of(store);
  auto bytes = save(store_of(2));
  bytes.pop_back();
  CHECK_THROWS_AS(load(store, bytes), FormatError);
  CHECK(read(handle) == 1);
}

TEST_CASE("A handle reads what its store was assigned, of other bounds too, and no more what went to another store", "[store]") {
  OnlineStore store = store_of(1);
  const auto handle = handle_of(store);
  OnlineStore other = store_of(2, {.max_entities = 5000, .shards = 2});
  const auto others = handle_of(other);
  store = other;
  CHECK(read(handle) == 2);
  CHECK(read(others) == 2);
  store = store_of(3);
  CHECK(read(handle) == 3);
  store = std::move(other);
  CHECK(read(handle) == 2);
  CHECK(read(others) == std::nullopt);
  CHECK(store.counters(card_view()).entities == 200);
}

TEST_CASE("A handle goes along when its store is moved to a new one, and with its rows when stores are swapped", "[store]") {
  OnlineStore store = store_of(1);
  const auto handle = handle_of(store);
  OnlineStore moved = std::move(store);
  CHECK(read(handle) == 1);
  OnlineStore other = store_of(2);
  const auto others = handle_of(other);
  std::swap(moved, other);
  CHECK(read(handle_of(moved)) == 2);
  CHECK(read(handle_of(other)) == 1);
  CHECK(read(handle) == 1);
  CHECK(read(others) == 2);
}

TEST_CASE("A handle finds everything missing when its view did not come along", "[store]") {
  OnlineStore store = store_of(1);
  const auto handle = handle_of(store);
  OnlineStore other([] { return second(3000); });
  other.add(card_view({.ttl = hours(1)}));
  store = other;
  CHECK(read(handle) == std::nullopt);
  CHECK_THROWS_AS(handle_of(store), SchemaError);
  store = OnlineStore();
  CHECK(read(handle) == std::nullopt);
}

TEST_CASE("A handle outlives its store", "[store]") {
  auto store = std::make_unique<OnlineStore>(store_of(1));
  const auto handle = handle_of(*store);
  store.reset();
  CHECK(read(handle) == 1);
}
