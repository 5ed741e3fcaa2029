#include "rtml/store/history.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/store/as_of_index.hpp"
#include "rtml/store/online_store.hpp"
#include "store_rows.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::card_rows;
using rtml::testing::card_view;
using rtml::testing::CardRow;
using rtml::testing::plain_as_of;
using rtml::testing::plain_last;
using rtml::testing::plain_status;
using rtml::testing::PlainRow;
using rtml::testing::second;

static_assert(Checkpointable<History> && Sized<History>);

namespace {

History history_of(const FeatureView& view, const std::vector<PlainRow>& rows) {
  History history(view);
  CardRow row(view);
  for (const PlainRow& from : rows) history.append(row(from));
  return history;
}

/// What was answered once, to the bit.
struct Answer {
  std::int64_t card = 0;
  Time at{};
  std::vector<std::uint64_t> values;
  std::vector<ValueStatus> status;

  friend bool operator==(const Answer&, const Answer&) = default;
};

/// Asks `get` for the row and `last` for five.
template <class Handle>
Answer answer_of(const Handle& handle, const EntityKey& key, std::int64_t card, Time at, const auto& get) {
  std::vector<double> values(6 * handle.size());
  std::vector<ValueStatus> status(values.size());
  get(key, at, std::span(values).first(handle.size()), std::span(status).first(handle.size()));
  handle.last(key, at, std::span(values).subspan(handle.size()), std::span(status).subspan(handle.size()));
  Answer answer{card, at, {}, status};
  for (const double value : values) answer.values.push_back(is_nan(value) ? 0 : std::bit_cast<std::uint64_t>(value) + 1);
  return answer;
}

}  // namespace

TEST_CASE("A history answers what a search through all rows answers, in whatever order they came", "[store]") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    const Duration ttl = seed == 4 ? FeatureView::forever : Duration(seconds(40));
    const FeatureView view = card_view({.ttl = ttl});
    std::vector<PlainRow> rows = card_rows(seed, 800, 15, 60);
    for (std::size_t i = 0; i < rows.size(); i += 11) rows[i].event_time += 15s;  // forecasts: known before they happen
    for (std::size_t i = 0; i < rows.size(); i += 13) {                           // spread over days
      rows[i].event_time += hours(i * 7 % 97);
      rows[i].available_at += hours(i * 7 % 97);
    }
    Rng rng(seed);
    if (seed % 2 == 0)
      for (std::size_t i = rows.size(); i-- > 1;) std::swap(rows[i], rows[static_cast<std::size_t>(rng.below(i + 1))]);
    const History history = history_of(view, rows);
    CHECK(history.size() == rows.size());
    CHECK(history.entities() == 15);
    const AsOfIndex index(history);
    const auto handle = index.resolve<double>({"balance", "abroad", "mean"});
    const auto counts = index.resolve<std::int64_t>({"count"});
    for (int i = 0; i < 3000; ++i) {
      const auto card = static_cast<std::int64_t>(rng.below(17));
      Time at = second(1'000'000 - 50 + static_cast<std::int64_t>(rng.below(1000)));
      if (i % 3 == 0) at += hours(rng.below(100));
      const PlainRow* expected = plain_as_of(rows, card, at);
      double out[3] = {};
      ValueStatus status[3] = {};
      handle.as_of(view.key(card), at, out, status);
      REQUIRE(status[0] == plain_status(expected, &PlainRow::balance, at, ttl));
      REQUIRE(status[1] == plain_status(expected, &PlainRow::abroad, at, ttl));
      REQUIRE(status[2] == plain_status(expected, &PlainRow::mean, at, ttl));
      REQUIRE((status[0] == ValueStatus::present ? out[0] == *expected->balance : is_nan(out[0])));
      REQUIRE((status[1] == ValueStatus::present ? (out[1] == 1.0) == *expected->abroad : is_nan(out[1])));
      std::int64_t count = -1;
      counts.as_of(view.key(card), at, {&count, 1}, status);
      REQUIRE(status[0] == plain_status(expected, &PlainRow::count, at, ttl));
      REQUIRE(count == (status[0] == ValueStatus::present ? *expected->count : 0));

      const std::vector<const PlainRow*> last = plain_last(rows, card, at, 4);
      double sequence[12] = {};
      ValueStatus sequence_status[12] = {};
      handle.last(view.key(card), at, sequence, sequence_status);
      for (std::size_t k = 0; k < 4; ++k) {
        const PlainRow* wanted = k < last.size() ? last[k] : nullptr;
        REQUIRE(sequence_status[3 * k] == plain_status(wanted, &PlainRow::balance, at, ttl));
        REQUIRE((sequence_status[3 * k] != ValueStatus::present || sequence[3 * k] == *wanted->balance));
      }
    }
  }
}

TEST_CASE("A history answers for a past time what the store answered then", "[store]") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const FeatureView view = card_view({.ttl = seconds(30 * seed), .history = 5});
    Time now{};
    OnlineStore store([&now] { return now; });
    store.add(view);
    const auto online = store.resolve<double>(view, {"spend", "balance", "abroad"});
    History history(view);
    CardRow row(view);
    std::vector<Answer> answers;
    const std::vector<PlainRow> rows = card_rows(seed + 30, 3000, 25, 45);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      now = rows[i].available_at;
      store.put(row(rows[i]));
      history.append(row(rows[i]));
      if (i + 1 < rows.size() && rows[i + 1].available_at == now) continue;  // not all of this instant is there yet
      const auto card = static_cast<std::int64_t>(i % 27);
      answers.push_back(answer_of(online, view.key(card), card, now, [&](auto... a) { online.get(a...); }));
    }
    REQUIRE(answers.size() > 1500);
    const AsOfIndex index(history);
    const auto offline = index.resolve<double>({"spend", "balance", "abroad"});
    std::size_t seen[4] = {};
    for (const Answer& answer : answers) {
      for (const ValueStatus status : answer.status) ++seen[static_cast<std::size_t>(status)];
      REQUIRE(answer_of(offline, view.key(answer.card), answer.card, answer.at, [&](auto... a) { offline.as_of(a...); }) == answer);
    }
    for (const std::size_t count : seen) CHECK(count > 100);  // all of it was put to the test
  }
}

TEST_CASE("A row is known at its own instant, and for the time to live after it", "[store]") {
  const FeatureView view = card_view({.ttl = 60s});
  PlainRow row;
  row.card = 1;
  row.event_time = second(1000);
  row.available_at = second(1010);
  row.count = 3;
  const History history = history_of(view, {row});
  const AsOfIndex index(history);
  const auto handle = index.resolve<std::int64_t>({"count"});
  const auto status_at = [&](Time at) {
    std::int64_t value = 0;
    ValueStatus status{};
    handle.as_of(view.key(1), at, {&value, 1}, {&status, 1});
    return status;
  };
  CHECK(status_at(second(1000)) == ValueStatus::missing);  // it had happened, and nobody knew
  CHECK(status_at(second(1010) - 1us) == ValueStatus::missing);
  CHECK(status_at(second(1010)) == ValueStatus::present);
  CHECK(status_at(second(1060)) == ValueStatus::present);
  CHECK(status_at(second(1060) + 1us) == ValueStatus::stale);
  CHECK(status_at(Time::max()) == ValueStatus::stale);
  CHECK(status_at(Time::min()) == ValueStatus::missing);
}

TEST_CASE("Entities of one hash have histories of their own", "[store]") {
  const rtml::testing::CollidingKeys keys;
  REQUIRE(keys.a.hash() == keys.b.hash());
  History history(keys.view);
  FeatureRow row(keys.view);
  row.begin(keys.a, second(1));
  row.set(keys.view.column<float>("x"), 1.0F);
  history.append(row);
  const AsOfIndex before(history);
  float value = 0.0F;
  ValueStatus status{};
  CHECK(before.resolve<float>({"x"}).as_of(keys.b, second(2), {&value, 1}, {&status, 1}) == ValueStatus::missing);
  row.begin(keys.b, second(1));
  row.set(keys.view.column<float>("x"), 2.0F);
  history.append(row);
  CHECK(history.entities() == 2);
  const AsOfIndex index(history);
  const auto handle = index.resolve<float>({"x"});
  handle.as_of(keys.a, second(2), {&value, 1}, {&status, 1});
  CHECK(value == 1.0F);
  handle.as_of(keys.b, second(2), {&value, 1}, {&status, 1});
  CHECK(value == 2.0F);
}

TEST_CASE("A history of nothing knows nothing", "[store]") {
  const FeatureView view = card_view();
  const History history(view);
  const AsOfIndex index(history);
  const auto handle = index.resolve<float>({"spend"});
  float value = 0.0F;
  ValueStatus status{};
  CHECK(handle.as_of(view.key(1), second(1), {&value, 1}, {&status, 1}) == ValueStatus::missing);
  CHECK(handle.last(view.key(1), second(1), {&value, 1}, {&status, 1}) == 0);
  CHECK(status == ValueStatus::missing);
}

TEST_CASE("A history refuses what a store refuses, and keeps within its bound", "[store]") {
  const FeatureView view = card_view();
  History history(view, 10);
  CardRow row(view);
  std::vector<PlainRow> rows = card_rows(1, 12, 4, 1);
  PlainRow early = rows[0];
  early.event_time = Time(Duration(-1));
  CHECK(history.append(row(early)) == PutResult::refused);
  CHECK(history.append(FeatureRow(card_view({.ttl = 1s}))) == PutResult::refused);
  CHECK(history.append(FeatureRow(view)) == PutResult::refused);  // of nobody
  for (const PlainRow& from : rows) history.append(row(from));
  CHECK(history.size() == 10);
  CHECK(history.dropped() == 2);
  CHECK(history.refused() == 3);
  CHECK_THROWS_AS(History(view, 0), ConfigError);

  FeatureRow plain(view);
  History unsaid(view);
  plain.begin(view.key(1), second(5));
  unsaid.append(plain);
  CHECK(unsaid.available_at(0) == second(5));
}

TEST_CASE("A history tells the memory it takes", "[store]") {
  const FeatureView view = card_view();
  const rtml::testing::AllocationCounter allocations;
  const History history = history_of(view, card_rows(9, 60'000, 20'000, 60));
  const std::size_t told = history.memory_bytes();
  CHECK(told < allocations.bytes());
  CHECK(told > history.size() * (20 + view.layout().words() * 8) + history.entities() * 24);
  CHECK(told < 2 * history.size() * (20 + view.layout().words() * 8) + 4 * history.entities() * 48);
}

TEST_CASE("A history is archived whole", "[store]") {
  const FeatureView view = card_view({.ttl = 60s});
  const std::vector<PlainRow> rows = card_rows(4, 3000, 40, 30);
  const History history = history_of(view, rows);
  History restored(view);
  load(restored, save(history));
  REQUIRE(restored.size() == history.size());
  CardRow row(view);
  restored.append(row(rows[0]));
  History longer = history;
  longer.append(row(rows[0]));
  CHECK(save(restored) == save(longer));

  const auto refuses = [&](const std::vector<std::byte>& bytes) {
    try {
      load(restored, bytes);
    } catch (const FormatError&) {
      return true;
    }
    return false;
  };
  using rtml::testing::forged;
  PlainRow one = rows[0];
  one.card = 77;
  one.balance = 1.25;
  const std::vector<std::byte> bytes = save(history_of(view, {one, one}));
  CHECK_FALSE(refuses(bytes));
  CHECK(refuses(forged(bytes, 1.25, std::numeric_limits<double>::quiet_NaN())));
  CHECK(refuses(forged(bytes, to_unix_micros(one.available_at), std::int64_t{-1})));

  const History small = history_of(view, card_rows(4, 30, 6, 30));
  rtml::testing::check_archive(small, History(view), [](History& read) { CHECK(AsOfIndex(read).memory_bytes() > 0); });
  History other(card_view());
  CHECK_THROWS_AS(load(other, save(history)), FormatError);
  History bounded(view, 2999);
  CHECK_THROWS_AS(load(bounded, save(history)), FormatError);
}
