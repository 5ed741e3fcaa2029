#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/store/online_store.hpp"
#include "store_rows.hpp"
#include "support/catch.hpp"

using namespace rtml;
using rtml::testing::card_view;
using rtml::testing::CardRow;
using rtml::testing::PlainRow;
using rtml::testing::second;

namespace {

/// All values of a row say the same number.
PlainRow uniform_row(std::int64_t card, std::int64_t number) {
  PlainRow row;
  row.card = card;
  row.event_time = row.available_at = second(number);
  row.count = number;
  row.balance = static_cast<double>(number);
  row.spend = row.mean = static_cast<float>(number % 4096);
  return row;
}

}  // namespace

TEST_CASE("Readers see whole rows that never grow older while many write", "[store][threads]") {
  constexpr std::int64_t cards = 40;
  constexpr std::int64_t numbers = 3000;
  const FeatureView view = card_view({.history = 2});
  OnlineStore store([] { return second(1'000'000); });
  store.add(view, {.max_entities = 1000, .shards = 8});
  const auto handle = store.resolve<double>(view, {"balance", "spend", "mean"});
  const auto counts = store.resolve<std::int64_t>(view, {"count"});
  std::atomic<int> writing{2};
  std::atomic<std::uint64_t> broken{0};

  const auto write = [&](std::uint64_t seed) {
    Rng rng(seed);
    CardRow row(view);
    for (std::int64_t number = 1; number <= numbers; ++number)
      store.put(row(uniform_row(static_cast<std::int64_t>(rng.below(cards)), number)));
    --writing;
  };
  const auto is_whole = [](const double* values, const ValueStatus* status) {
    return status[0] != ValueStatus::present ||
           (values[1] == static_cast<double>(static_cast<std::int64_t>(values[0]) % 4096) && values[1] == values[2]);
  };
  const auto read_one = [&] {
    std::vector<std::int64_t> newest(cards, 0);
    double values[6] = {};
    ValueStatus status[6] = {};
    for (std::int64_t i = 0; writing > 0; ++i) {
      const std::int64_t card = i % cards;
      const EntityKey key = view.key(card);
      std::int64_t count = 0;
      counts.get(key, second(1'000'000), {&count, 1}, {status, 1});
      if (count < newest[static_cast<std::size_t>(card)]) ++broken;
      newest[static_cast<std::size_t>(card)] = count;
      handle.last(key, second(1'000'000), values, status);
      if (!is_whole(values, status) || !is_whole(values + 3, status + 3)) ++broken;
      if (status[3] == ValueStatus::present && values[3] >= values[0]) ++broken;
    }
  };
  const auto read_many = [&] {
    std::vector<EntityKey> keys;
    for (std::int64_t card = 0; card < cards; ++card) keys.push_back(view.key(card));
    std::vector<double> values(cards * 3);
    std::vector<ValueStatus> status(cards * 3);
    while (writing > 0) {
      handle.multi_get(keys, second(1'000'000), values, status);
      for (std::size_t i = 0; i < cards; ++i)
        if (!is_whole(&values[i * 3], &status[i * 3])) ++broken;
    }
  };
  const auto look_on = [&] {
    std::uint64_t version = 0;
    while (writing > 0) {
      const std::uint64_t next = store.version(view);
      store.visit_changed(view, version, [&](const StoredRow& row) {
        if (!view.layout().plausible(row.cells)) ++broken;
      });
      version = next;
      if (store.counters(view).entities > cards || store.memory_bytes() == 0 || store.evict_stale() != 0) ++broken;
    }
  };

  std::vector<std::thread> threads;
  threads.emplace_back(write, 1);
  threads.emplace_back(write, 2);
  threads.emplace_back(read_one);
  threads.emplace_back(read_many);
  threads.emplace_back(look_on);
  for (std::thread& thread : threads) thread.join();
  CHECK(broken == 0);
  CHECK(store.counters(view).stored + store.counters(view).late == 2 * numbers);
}

TEST_CASE("Entities come and go under readers", "[store][threads]") {
  const FeatureView view = card_view();
  OnlineStore store([] { return second(1'000'000); });
  store.add(view, {.max_entities = 128, .shards = 2});
  const auto counts = store.resolve<std::int64_t>(view, {"count"});
  std::atomic<bool> writing{true};
  std::atomic<std::uint64_t> broken{0};
  std::thread reader([&] {
    Rng rng(3);
    std::vector<EntityKey> keys(50);
    std::vector<std::int64_t> values(50);
    std::vector<ValueStatus> status(50);
    while (writing) {
      std::vector<std::int64_t> cards(50);
      for (std::size_t i = 0; i < 50; ++i) cards[i] = static_cast<std::int64_t>(rng.below(2000)), keys[i] = view.key(cards[i]);
      counts.multi_get(keys, second(1'000'000), values, status);
      for (std::size_t i = 0; i < 50; ++i)
        if (status[i] == ValueStatus::present && values[i] != cards[i] + 1) ++broken;
    }
  });
  CardRow row(view);
  for (int round = 0; round < 5; ++round)
    for (std::int64_t card = 0; card < 2000; ++card) store.put(row(uniform_row(card, card + 1)));
  writing = false;
  reader.join();
  CHECK(broken == 0);
  CHECK(store.counters(view).evicted + store.counters(view).entities == store.counters(view).stored);
}
