// What users of feature stores complain about, each as a test that it is not so here.

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/store/online_store.hpp"
#include "rtml/store/point_in_time_join.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "store_rows.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::AllocationCounter;
using rtml::testing::second;

namespace {

/// One column of a type, by a number.
template <StoredValue T>
FeatureView view_of_one(const std::string& name = "card", FeatureView::Options options = {}) {
  return {name, {KeyColumn::integer("card")}, {ValueColumn::of<T>("x")}, options};
}

template <StoredValue T>
FeatureRow row_of(const FeatureView& view, std::int64_t card, Time at, T value) {
  FeatureRow row(view);
  row.begin(view.key(card), at);
  row.set_available_at(at);
  row.set(view.column<T>("x"), value);
  return row;
}

/// A row in the store and in the history of one view.
template <StoredValue T>
struct OnlineAndOffline {
  explicit OnlineAndOffline(FeatureView::Options options = {}) : view(view_of_one<T>("card", options)) { store.add(view); }

  void put(std::int64_t card, Time at, T value) {
    const FeatureRow row = row_of(view, card, at, value);
    store.put(row);
    history.append(row);
  }

  FeatureView view;
  OnlineStore store{[] { return second(1'000'000'000); }};
  History history{view};
};

/// Every way to read one value of card 1: get, multi_get, last, as_of, a join, and the same of a store and a history that were saved and loaded.
template <ReadValue R, StoredValue T>
std::vector<std::pair<ValueStatus, R>> read_everywhere(const OnlineAndOffline<T>& from, Time at) {
  std::vector<std::pair<ValueStatus, R>> found;
  OnlineStore loaded;
  loaded.add(from.view);
  load(loaded, save(from.store));
  History history{from.view};
  load(history, save(from.history));
  const EntityKey key = from.view.key(1);
  R value{};
  ValueStatus status{};
  const OnlineStore* const stores[] = {&from.store, &loaded};
  for (const OnlineStore* store : stores) {
    const auto handle = store->template resolve<R>(from.view, {"x"});
    handle.get(key, at, {&value, 1}, {&status, 1});
    found.emplace_back(status, value);
    handle.multi_get({&key, 1}, at, {&value, 1}, {&status, 1});
    found.emplace_back(status, value);
    handle.last(key, at, {&value, 1}, {&status, 1});
    found.emplace_back(status, value);
  }
  EntityKeys keys;
  keys.append(key);
  for (const History* rows : {&from.history, static_cast<const History*>(&history)}) {
    const AsOfIndex index(*rows);
    index.template resolve<R>({"x"}).as_of(key, at, {&value, 1}, {&status, 1});
    found.emplace_back(status, value);
    if constexpr (std::same_as<R, T>) {
      const JoinSource source{&index, &keys, {}};
      const JoinedTable table = point_in_time_join({&at, 1}, {&source, 1});
      found.emplace_back(table.status("card.x")[0], table.template values<R>("card.x")[0]);
    }
  }
  return found;
}

template <class T>
bool same_bits(T a, T b) {
  return std::bit_cast<std::array<std::byte, sizeof(T)>>(a) == std::bit_cast<std::array<std::byte, sizeof(T)>>(b);
}

std::string said_by(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing";
}

struct Click {
  Time at{};
  std::uint64_t user = 0;
  double amount = 0.0;
};

}  // namespace

TEST_CASE("Complaint 1: a value past its time to live is stale online and offline alike", "[store][complaint]") {
  OnlineAndOffline<float> rows({.ttl = 100s});
  rows.put(1, second(1000), 2.5F);
  for (const auto& [status, value] : read_everywhere<float>(rows, second(1100))) {
    CHECK(status == ValueStatus::present);
    CHECK(value == 2.5F);
  }
  for (const auto& [status, value] : read_everywhere<float>(rows, second(1100) + 1us)) {
    CHECK(status == ValueStatus::stale);
    CHECK(is_nan(value));
  }
  for (const auto& [status, value] : read_everywhere<float>(rows, second(999))) CHECK(status == ValueStatus::missing);
}

TEST_CASE("Complaint 2: an older row never overwrites a newer one, in whatever order a batch brings them", "[store][complaint]") {
  std::vector<std::int64_t> times = {1, 2, 3};
  do {
    OnlineAndOffline<std::int64_t> rows;
    for (const std::int64_t at : times) rows.put(1, second(1000 + at), at);
    for (const auto& [status, value] : read_everywhere<std::int64_t>(rows, second(2000))) CHECK(value == 3);
    CHECK(rows.store.counters(rows.view).stored + rows.store.counters(rows.view).late == 3);
  } while (std::next_permutation(times.begin(), times.end()));
}

TEST_CASE("Complaint 3: a join of many labels with many rows of few entities takes no memory beyond its result", "[store][complaint]") {
  constexpr std::size_t count = 200'000;  // of labels and of rows, all of one entity: 4 * 10^10 pairs in each of ten views
  constexpr std::size_t views = 10;
  History history(view_of_one<std::int64_t>());
  for (std::size_t i = 0; i < count; ++i)
    history.append(row_of(history.view(), 1, second(static_cast<std::int64_t>(2 * i)), static_cast<std::int64_t>(i)));
  EntityKeys keys;
  std::vector<Time> at;
  for (std::size_t i = 0; i < count; ++i) {
    keys.append(history.view().key(1));
    at.push_back(second(static_cast<std::int64_t>(2 * (count - 1 - i) + 1)));  // the newest first
  }
  const AsOfIndex index(history);
  std::vector<JoinSource> sources;
  for (std::size_t v = 0; v < views; ++v) sources.push_back({&index, &keys, {}, "v" + to_text(v)});
  const AllocationCounter allocations;
  const JoinedTable table = point_in_time_join(at, sources);
  CHECK(allocations.bytes() < views * count * (sizeof(std::int64_t) + sizeof(ValueStatus) + 8) + 100'000);
  for (std::size_t i = 0; i < count; ++i) REQUIRE(table.values<std::int64_t>("v9.x")[i] == static_cast<std::int64_t>(count - 1 - i));
}

TEST_CASE("Complaint 4: a handle is resolved once, and a read asks for no name and no memory", "[store][complaint]") {
  OnlineAndOffline<float> rows;
  for (std::int64_t card = 0; card < 1000; ++card) rows.put(card, second(1000), static_cast<float>(card));
  const auto handle = rows.store.resolve<float>(rows.view, {"x"});
  std::vector<EntityKey> keys;
  for (std::int64_t card = 0; card < 1000; ++card) keys.push_back(rows.view.key(card));
  std::vector<float> values(keys.size());
  std::vector<ValueStatus> status(keys.size());
  const AllocationCounter allocations;
  for (const EntityKey& key : keys) handle.get(key, second(2000), {values.data(), 1}, {status.data(), 1});
  handle.multi_get(keys, second(2000), values, status);
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(values[999] == 999.0F);
}

TEMPLATE_TEST_CASE("Complaint 5: numbers come back to the last bit by every way, and as no other type", "[store][complaint]", std::int64_t,
                   double, float) {
  using T = TestType;
  std::vector<T> numbers = {T{0}, T{1}, std::numeric_limits<T>::max(), std::numeric_limits<T>::lowest(), std::numeric_limits<T>::min()};
  if constexpr (std::same_as<T, std::int64_t>) {
    for (const std::int64_t big : {(std::int64_t{1} << 53U) + 1, (std::int64_t{1} << 31U), -(std::int64_t{1} << 31U) - 1})
      numbers.push_back(big);
  } else {
    for (const T odd : {T(0.1), T(1) / T(3), std::nextafter(T(1), T(2)), std::numeric_limits<T>::denorm_min(), -T(0)})
      numbers.push_back(odd);
  }
  for (const T number : numbers) {
    OnlineAndOffline<T> rows;
    rows.put(1, second(1000), number);
    for (const auto& [status, value] : read_everywhere<T>(rows, second(2000))) {
      CHECK(status == ValueStatus::present);
      CHECK(same_bits(value, number));
    }
    if constexpr (std::same_as<T, float>)
      for (const auto& [status, value] : read_everywhere<double>(rows, second(2000))) CHECK(same_bits(value, static_cast<double>(number)));
  }
}

TEST_CASE("Complaint 5: a column read or written as another type is an error that names both", "[store][complaint]") {
  OnlineStore store;
  const FeatureView counts = view_of_one<std::int64_t>();
  const FeatureView amounts = view_of_one<double>("amounts");
  store.add(counts);
  store.add(amounts);
  const auto says = [](const auto& action, const std::string& column, const std::string& type) {
    const std::string said = said_by(action);
    CAPTURE(said);
    CHECK(said.find("\"" + column + "\"") != std::string::npos);
    CHECK(said.find(type) != std::string::npos);
  };
  says([&] { static_cast<void>(counts.column<double>("x")); }, "x", "int64");
  says([&] { static_cast<void>(counts.column<std::int32_t>("x")); }, "x", "int64");
  says([&] { static_cast<void>(amounts.column<float>("x")); }, "x", "double");
  says([&] { static_cast<void>(store.resolve<double>(counts, {"x"})); }, "x", "int64");
  says([&] { static_cast<void>(store.resolve<float>(amounts, {"x"})); }, "x", "double");
  says([&] { static_cast<void>(store.resolve<std::int64_t>(amounts, {"x"})); }, "x", "double");
  static_assert(!detail::FitsInto<double, std::int64_t> && !detail::FitsInto<double, float> && !detail::FitsInto<std::int64_t, double>);
}

TEST_CASE("Complaint 6: a name that is there already is refused, and nothing is left out in silence", "[store][complaint]") {
  CHECK(said_by([] {
          FeatureView("v", {KeyColumn::integer("k")}, {ValueColumn::of<float>("x"), ValueColumn::of<double>("x")});
        }).find("\"x\"") != std::string::npos);
  OnlineStore store;
  store.add(view_of_one<float>());
  CHECK(said_by([&] { store.add(view_of_one<double>()); }) == "OnlineStore: view is \"card\", must be added once");
  CHECK(said_by([] {
          static_cast<void>(feature_set<Click>("f", numeric("amount", &Click::amount), numeric("amount", &Click::amount) | log1p()));
        }) == "Schema: column is \"amount\", must be named once");
  const History history(view_of_one<float>());
  const AsOfIndex index(history);
  const EntityKeys none;
  const JoinSource twice[] = {{&index, &none, {}}, {&index, &none, {}}};
  CHECK(said_by([&] { static_cast<void>(point_in_time_join({}, twice)); }) ==
        "point_in_time_join: column is \"card.x\", must be named once");
}

TEST_CASE("Complaint 11: a store and windows take no more memory once they are full, whoever comes", "[store][complaint]") {
  OnlineStore store([] { return second(1'000'000'000); });
  const FeatureView view = view_of_one<float>();
  store.add(view, {.max_entities = 500, .shards = 1});
  FeaturePipeline<Click> pipeline(
      feature_set<Click>("f", &Click::at, window("n", &Click::user, 1h, count())).with({.max_entities = 500, .max_events_per_entity = 8}));
  std::size_t full = 0;
  for (std::int64_t user = 0; user < 20'000; ++user) {
    store.put(row_of(view, user, second(1000 + user), 1.0F));
    for (int click = 0; click < 10; ++click) pipeline.observe({second(1000 + user), static_cast<std::uint64_t>(user), 1.0});
    if (user == 10'000) full = store.memory_bytes() + pipeline.memory_bytes();
  }
  CHECK(store.memory_bytes() + pipeline.memory_bytes() == full);
  CHECK(store.counters(view).evicted == 19'500);
  CHECK(pipeline.windows().counters().evicted > 19'000);
}

TEST_CASE("Complaint 11: the tail of a window is counted once, however many windows share its tiles", "[store][complaint]") {
  const auto amount = &Click::amount;
  FeaturePipeline<Click> pipeline(feature_set<Click>(
      "f", &Click::at, window("sum", &Click::user, 120s, sum(amount), sawtooth(60s)),
      window("count", &Click::user, 120s, count(), sawtooth(60s)), window("mean", &Click::user, 120s, mean(amount), sawtooth(60s)),
      window("long", &Click::user, 600s, sum(amount), sawtooth(60s)), window("exact", &Click::user, 120s, sum(amount))));
  for (const std::int64_t at : {59, 61, 119, 121, 150}) pipeline.observe({second(6000 + at), 1, static_cast<double>(at)});
  const Features x = pipeline({second(6181), 1, 0.0});  // [6061, 6181) begins in the tile of 6060
  CHECK(x.dense[0] == 61.0F + 119.0F + 121.0F + 150.0F);
  CHECK(x.dense[1] == 4.0F);
  CHECK(x.dense[2] == (61.0F + 119.0F + 121.0F + 150.0F) / 4.0F);
  CHECK(x.dense[3] == 59.0F + 61.0F + 119.0F + 121.0F + 150.0F);
  CHECK(x.dense[4] == 61.0F + 119.0F + 121.0F + 150.0F);
}

TEST_CASE("Complaint 11: when the job that writes rows stops, stale reads are counted", "[store][complaint]") {
  OnlineAndOffline<float> rows({.ttl = 100s});
  const auto handle = rows.store.resolve<float>(rows.view, {"x"});
  float value = 0.0F;
  ValueStatus status{};
  for (std::int64_t at = 1000; at < 1500; at += 10) {
    if (at <= 1200) rows.put(1, second(at), 1.0F);
    handle.get(rows.view.key(1), second(at), {&value, 1}, {&status, 1});
    handle.get(rows.view.key(2), second(at), {&value, 1}, {&status, 1});
  }
  CHECK(rows.store.counters(rows.view).stale_reads == 19);  // from 1310 to 1490
  CHECK(rows.store.counters(rows.view).missing_reads == 50);
}

TEST_CASE("Complaint 12: the last values of an entity are read online, the moment after each event was put", "[store][complaint]") {
  OnlineAndOffline<std::int64_t> rows({.history = 5});
  const auto handle = rows.store.resolve<std::int64_t>(rows.view, {"x"});
  FeaturePipeline<Click> pipeline(feature_set<Click>("f", &Click::at, window("last", &Click::user, days(1), last(5, &Click::amount))));
  for (std::int64_t i = 0; i < 20; ++i) {
    rows.put(1, second(1000 + i), i);
    std::vector<std::int64_t> values(5);
    std::vector<ValueStatus> status(5);
    const std::size_t there = handle.last(rows.view.key(1), second(1000 + i), values, status);
    CHECK(there == static_cast<std::size_t>(std::min<std::int64_t>(i + 1, 5)));
    pipeline.observe({second(1000 + i), 1, static_cast<double>(i)});
    const Features x = pipeline({second(1001 + i), 1, 0.0});
    for (std::size_t age = 0; age < there; ++age) {
      CHECK(values[age] == i - static_cast<std::int64_t>(age));
      CHECK(x.dense[age] == static_cast<float>(values[age]));
    }
  }
}
