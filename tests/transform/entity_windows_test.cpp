#include "rtml/transform/entity_windows.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "payment.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::bits_of;
using rtml::testing::dense_of;
using rtml::testing::Payment;
using rtml::testing::payments;

static_assert(Checkpointable<EntityWindows> && Sized<EntityWindows>);

namespace {

constexpr Duration window_spans[] = {10s, 60s, 600s, 61s, 3s};  // more than there are hints

FeatureSet<Payment> windows_only() {
  std::vector<AnyFeature<Payment>> features;
  for (const Duration span : window_spans) {
    const std::string by = to_text(span.count());
    features.push_back(window("card_count" + by, &Payment::card, span, count()));
    features.push_back(window("card_sum" + by, &Payment::card, span, sum(&Payment::amount)));
    features.push_back(window("card_mean" + by, &Payment::card, span, mean(&Payment::amount)));
    features.push_back(window("card_rate" + by, &Payment::card, span, rate()));
    features.push_back(window("card_since" + by, &Payment::card, span, time_since_last()));
    features.push_back(window("merchant_count" + by, &Payment::merchant, span, count()));
    features.push_back(window("merchant_sum" + by, &Payment::merchant, span, sum(&Payment::amount)));
    features.push_back(window("merchant_mean" + by, &Payment::merchant, span, mean(&Payment::amount)));
    features.push_back(window("merchant_rate" + by, &Payment::merchant, span, rate()));
    features.push_back(window("merchant_since" + by, &Payment::merchant, span, time_since_last()));
  }
  return feature_set_from<Payment>("windows", &Payment::at, std::move(features));
}

/// A log of everything that was fed, from which windows are added up anew each time.
class PlainWindows {
 public:
  explicit PlainWindows(Duration lateness) : lateness_(lateness) {}

  bool takes(const std::string& entity, Time at) {
    const auto newest = newest_.find(entity);
    return newest == newest_.end() || at >= newest->second - lateness_;
  }

  void feed(const std::string& entity, const Payment& payment) {
    if (!takes(entity, payment.at)) return;
    log_.push_back({entity, payment.at, payment.amount});
    newest_[entity] = newest_.count(entity) != 0 ? std::max(newest_[entity], payment.at) : payment.at;
  }

  std::vector<float> of(const std::string& entity, Time at, Duration span) const {
    double count = 0.0;
    double sum = 0.0;
    double usable = 0.0;
    double since = std::numeric_limits<double>::quiet_NaN();
    for (const Event& event : log_) {
      if (event.entity != entity || event.at >= at || event.at < at - span) continue;
      count += 1.0;
      const double ago = std::chrono::duration<double>(at - event.at).count();
      if (is_nan(since) || ago < since) since = ago;
      if (!is_usable(event.amount)) continue;
      sum += event.amount;
      usable += 1.0;
    }
    return {static_cast<float>(count), static_cast<float>(sum),
            usable > 0.0 ? static_cast<float>(sum / usable) : std::numeric_limits<float>::quiet_NaN(),
            static_cast<float>(count / std::chrono::duration<double>(span).count()), static_cast<float>(since)};
  }

 private:
  struct Event {
    std::string entity;
    Time at;
    double amount;
  };

  Duration lateness_;
  std::vector<Event> log_;
  std::map<std::string, Time> newest_;
};

Payment paid(std::int64_t second, double amount, std::uint64_t card = 1) {
  return {from_unix_seconds(second), card, "shop", amount, rtml::testing::Channel::web};
}

FeaturePipeline<Payment> one_window(Duration span, const EntityWindows::Options& options = EntityWindows::Options{}) {
  return FeaturePipeline<Payment>(feature_set<Payment>("w", &Payment::at, window("count", &Payment::card, span, count()),
                                                       window("sum", &Payment::card, span, sum(&Payment::amount)),
                                                       window("mean", &Payment::card, span, mean(&Payment::amount)))
                                      .with(options));
}

}  // namespace

TEST_CASE("Windows are what adding up the whole log gives, with ties and late events, to the bit", "[transform][windows][property]") {
  const auto seed = GENERATE(range(1U, 13U));
  const std::uint64_t late = seed % 3 * 40;
  const Duration lateness = seconds(seed % 2 == 0 ? 1000 : 30);
  FeaturePipeline<Payment> pipeline(windows_only().with({.lateness = lateness}));
  PlainWindows plain(lateness);
  std::size_t wrong = 0;
  for (const Payment& payment : payments(seed, 1500, late)) {
    const std::string card = "card " + to_text(payment.card);
    const std::string merchant = "merchant " + std::string(payment.merchant);
    const auto served = dense_of(pipeline, payment);
    for (std::size_t s = 0; s < std::size(window_spans); ++s) {
      const std::span<const float> all(served);
      if (plain.takes(card, payment.at)) wrong += bits_of(all.subspan(s * 10, 5)) != bits_of(plain.of(card, payment.at, window_spans[s]));
      if (plain.takes(merchant, payment.at) || payment.merchant.empty())
        wrong += bits_of(all.subspan(s * 10 + 5, 5)) != bits_of(plain.of(merchant, payment.at, window_spans[s]));
    }
    pipeline.observe(payment);
    plain.feed(card, payment);
    if (!payment.merchant.empty()) plain.feed(merchant, payment);
  }
  CAPTURE(seed);
  CHECK(wrong == 0);
  const auto counters = pipeline.windows().counters();
  CHECK((counters.late > 0) == (late > 0));
  CHECK((counters.too_late > 0) == (late > 30 && lateness == 30s));
  CHECK(counters.refused > 0);
  CHECK(counters.evicted + counters.truncated + counters.failed == 0);
  CHECK(counters.entities == 7);
}

TEST_CASE("No window of an event changes with what happens at its time or later", "[transform][windows][property]") {
  const auto seed = GENERATE(range(1U, 6U));
  const auto stream = payments(seed, 400, 500);
  FeaturePipeline<Payment> all(windows_only().with({.lateness = hours(24)}));
  for (const Payment& payment : stream) all.observe(payment);
  for (std::size_t probe = 0; probe < stream.size(); probe += 13) {
    FeaturePipeline<Payment> past(windows_only().with({.lateness = hours(24)}));
    for (const Payment& payment : stream)
      if (payment.at < stream[probe].at) past.observe(payment);
    REQUIRE(bits_of(dense_of(all, stream[probe])) == bits_of(dense_of(past, stream[probe])));
  }
}

TEST_CASE("A window is closed at its beginning and open at its end", "[transform][windows]") {
  auto pipeline = one_window(60s);
  pipeline.observe(paid(100, 2.0));
  CHECK(dense_of(pipeline, paid(100, 0.0))[0] == 0.0F);  // the same time is not the past
  CHECK(dense_of(pipeline, paid(101, 0.0))[0] == 1.0F);
  CHECK(dense_of(pipeline, paid(160, 0.0))[0] == 1.0F);
  CHECK(dense_of(pipeline, paid(161, 0.0))[0] == 0.0F);
}

TEST_CASE("Without events count and sum are 0 and the mean is missing, for an unknown entity and for one long silent",
          "[transform][windows]") {
  auto pipeline = one_window(60s);
  pipeline.observe(paid(100, 2.0));
  for (const Payment& probe : {paid(100, 1.0, 77), paid(100'000, 1.0)}) {
    const auto x = dense_of(pipeline, probe);
    CHECK(x[0] == 0.0F);
    CHECK(x[1] == 0.0F);
    CHECK(is_nan(x[2]));
  }
}

TEST_CASE("Values that are not usable count as events but are not added", "[transform][windows]") {
  auto pipeline = one_window(1h);
  for (const double amount : {2.0, rtml::testing::nan, rtml::testing::infinity, -2e15, 4.0}) pipeline.observe(paid(100, amount));
  const auto x = dense_of(pipeline, paid(101, 0.0));
  CHECK(x[0] == 5.0F);
  CHECK(x[1] == 6.0F);
  CHECK(x[2] == 3.0F);
  CHECK(pipeline.windows().counters().refused == 2);  // NaN is missing, not refused
}

TEST_CASE("No error stays in a window when a huge value leaves it, and none accumulates", "[transform][windows][property]") {
  auto pipeline = one_window(100s);
  pipeline.observe(paid(0, 9e14));
  for (int i = 1; i < 50'000; ++i) pipeline.observe(paid(i, 0.1));
  const auto x = dense_of(pipeline, paid(50'000, 0.0));
  CHECK(x[0] == 100.0F);
  CHECK(x[1] == 10.0F);  // 100 * 0.1 rounded once
  CHECK(x[2] == 0.1F);
}

TEST_CASE("Sums beyond 1e15 are held at it, so that a window never makes an example unusable", "[transform][windows]") {
  auto pipeline = one_window(100s);
  for (int i = 0; i < 5; ++i) pipeline.observe(paid(i, i == 0 ? -9e14 : -9.5e14));
  const auto x = dense_of(pipeline, paid(6, 0.0));
  CHECK(x[1] == -1e15F);
  CHECK(x[2] == -9.4e14F);
  CHECK(is_usable(Features{x, {}}));
}

TEST_CASE("Time running backwards: late events take their place, older ones are counted and left out", "[transform][windows]") {
  auto pipeline = one_window(60s, {.lateness = 100s});
  pipeline.observe(paid(1000, 1.0));
  pipeline.observe(paid(950, 2.0));
  CHECK(dense_of(pipeline, paid(1000, 0.0))[1] == 2.0F);
  CHECK(dense_of(pipeline, paid(951, 0.0))[1] == 2.0F);
  CHECK(dense_of(pipeline, paid(950, 0.0))[1] == 0.0F);
  CHECK(dense_of(pipeline, paid(1005, 0.0))[1] == 3.0F);
  pipeline.observe(paid(900, 4.0));
  pipeline.observe(paid(899, 8.0));
  CHECK(dense_of(pipeline, paid(951, 0.0))[1] == 6.0F);
  const auto counters = pipeline.windows().counters();
  CHECK(counters.late == 2);
  CHECK(counters.too_late == 1);
}

TEST_CASE("A time beyond all calendars is not fed, and is computed without overflow", "[transform][windows]") {
  auto pipeline = one_window(60s);
  for (const auto time : {Time::min(), Time::max()}) {
    Payment payment = paid(0, 1.0);
    payment.at = time;
    CHECK(dense_of(pipeline, payment)[0] == 0.0F);
    pipeline.observe(payment);
  }
  CHECK(pipeline.windows().counters().too_late == 2);
  CHECK(pipeline.windows().counters().entities == 0);
}

TEST_CASE("An entity with more events than it may hold loses the oldest, and says so", "[transform][windows]") {
  auto pipeline = one_window(1h, {.max_events_per_entity = 5});
  for (int i = 0; i < 9; ++i) pipeline.observe(paid(100 + i, 1 << i));
  CHECK(dense_of(pipeline, paid(200, 0.0))[0] == 5.0F);
  CHECK(dense_of(pipeline, paid(200, 0.0))[1] == 496.0F);
  pipeline.observe(paid(50, 1.0));  // older than all that is held: the one that has no place
  CHECK(dense_of(pipeline, paid(200, 0.0))[1] == 496.0F);
  CHECK(pipeline.windows().counters().truncated == 5);
  auto single = one_window(1h, {.max_events_per_entity = 1});
  for (int i = 0; i < 3; ++i) single.observe(paid(100 + i, i));
  CHECK(dense_of(single, paid(200, 0.0))[1] == 2.0F);
}

TEST_CASE("Too many entities: the one not fed for longest goes", "[transform][windows]") {
  auto pipeline = one_window(1h, {.max_entities = 3});
  for (const std::uint64_t card : {1U, 2U, 3U, 1U, 4U}) pipeline.observe(paid(100, 1.0, card));  // 2 goes
  const auto held = [&](std::uint64_t card) { return dense_of(pipeline, paid(101, 0.0, card))[0]; };
  CHECK(held(1) == 2.0F);
  CHECK(held(2) == 0.0F);
  CHECK(held(3) == 1.0F);
  CHECK(held(4) == 1.0F);
  CHECK(pipeline.windows().counters().evicted == 1);
  CHECK(pipeline.windows().counters().entities == 3);
}

TEST_CASE("Entities that come and go keep to the bounds, and those that stay keep their events", "[transform][windows][property]") {
  auto pipeline = one_window(1h, {.max_entities = 1000, .max_events_per_entity = 20, .shards = 8});
  Rng rng(5);
  std::map<std::uint64_t, std::size_t> fed;
  std::size_t largest = 0;
  for (int i = 0; i < 60'000; ++i) {
    const std::uint64_t card = rng.below(3) == 0 ? rng.below(10) : rng.below(20'000) + 10;
    pipeline.observe(paid(i / 100, 1.0, card));
    ++fed[card];
    if (i == 30'000) largest = pipeline.windows().memory_bytes();
  }
  for (std::uint64_t card = 0; card < 10; ++card) CHECK(dense_of(pipeline, paid(601, 0.0, card))[0] == 20.0F);
  const auto counters = pipeline.windows().counters();
  CHECK(counters.entities <= 1000);
  CHECK(counters.entities > 900);
  CHECK(counters.evicted + counters.entities >= fed.size());
  CHECK(pipeline.windows().memory_bytes() <= largest + largest / 50);  // what is let go is used again
}

TEST_CASE("Whoever is held and who was let go is as a list by last use says", "[transform][windows][property]") {
  const auto seed = GENERATE(range(1U, 6U));
  auto pipeline = one_window(1h, {.max_entities = 50, .shards = 1});
  Rng rng(seed);
  std::vector<std::pair<std::uint64_t, float>> held;  // card and its events, the last used at the end
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t card = rng.below(2) == 0 ? rng.below(20) : rng.below(200);
    const auto found = std::find_if(held.begin(), held.end(), [&](const auto& entry) { return entry.first == card; });
    const float count = found == held.end() ? 0.0F : found->second;
    REQUIRE(dense_of(pipeline, paid(1000 + i, 0.0, card))[0] == count);
    if (found != held.end()) held.erase(found);
    if (held.size() == 50) held.erase(held.begin());
    held.emplace_back(card, count + 1.0F);
    pipeline.observe(paid(1000 + i, 1.0, card));
  }
  CHECK(pipeline.windows().counters().entities == 50);
}

TEST_CASE("Features of one key and value share one state, whatever their spans and aggregates", "[transform][windows]") {
  const auto apart =
      feature_set<Payment>("a", &Payment::at, window("x", &Payment::card, 1h, sum(&Payment::amount)),
                           window("y", &Payment::card, 2h, mean(&Payment::amount)), window("z", &Payment::card, 1h, count()));
  const auto windows = apart.make_windows();
  REQUIRE(windows.keys().size() == 1);
  CHECK(windows.keys()[0].windows.size() == 3);
  CHECK(windows.keys()[0].values.size() == 1);
}

TEST_CASE("EntityWindows names the option that is out of range", "[transform][windows][config]") {
  const auto set = windows_only();
  CHECK_THROWS_WITH(set.with({.max_entities = 0}), "EntityWindows: max_entities is 0, must be in [1, 2^31]");
  CHECK_THROWS_WITH(set.with({.max_events_per_entity = 0}), "EntityWindows: max_events_per_entity is 0, must be in [1, 2^20]");
  CHECK_THROWS_AS(set.with({.max_events_per_entity = (1U << 20U) + 1}), ConfigError);
  CHECK_THROWS_AS(set.with({.lateness = -1s}), ConfigError);
  CHECK_THROWS_WITH(set.with({.shards = 48}), "EntityWindows: shards is 48, must be a power of two up to 64");
  CHECK_THROWS_AS(set.with({.shards = 128}), ConfigError);
}

TEST_CASE("Windows saved, restored and continued are windows continued, bit for bit; and so is a copy", "[transform][windows][archive]") {
  const auto seed = GENERATE(range(1U, 6U));
  const EntityWindows::Options options{.max_events_per_entity = seed % 2 == 0 ? 40U : 1024U, .lateness = 30s, .shards = 4};
  FeaturePipeline<Payment> pipeline(windows_only().with(options));
  const auto stream = payments(seed, 2000, 60);
  for (std::size_t i = 0; i < 1000; ++i) pipeline.observe(stream[i]);
  FeaturePipeline<Payment> restored(windows_only().with(options));
  for (std::size_t i = 500; i < 600; ++i) restored.observe(stream[i]);  // what was there before is gone
  load(restored, save(pipeline));
  CHECK(save(restored) == save(pipeline));
  FeaturePipeline<Payment> copy = pipeline;
  for (std::size_t i = 1000; i < stream.size(); ++i) {
    const auto expected = bits_of(dense_of(pipeline, stream[i]));
    REQUIRE(bits_of(dense_of(restored, stream[i])) == expected);
    REQUIRE(bits_of(dense_of(copy, stream[i])) == expected);
    for (auto* each : {&pipeline, &restored, &copy}) each->observe(stream[i]);
  }
  CHECK(save(restored) == save(pipeline));
  CHECK(save(copy) == save(pipeline));
  CHECK(restored.windows().counters() == pipeline.windows().counters());
}

TEST_CASE("Windows restored keep the order in which entities are let go", "[transform][windows][archive]") {
  const EntityWindows::Options options{.max_entities = 3};
  auto pipeline = one_window(1h, options);
  for (const std::uint64_t card : {1U, 2U, 3U, 1U}) pipeline.observe(paid(100, 1.0, card));
  auto restored = one_window(1h, options);
  load(restored, save(pipeline));
  restored.observe(paid(100, 1.0, 4));
  CHECK(dense_of(restored, paid(101, 0.0, 2))[0] == 0.0F);
  CHECK(dense_of(restored, paid(101, 0.0, 1))[0] == 2.0F);
}

TEST_CASE("A set that gained windows goes on with the events of the old one; another set is refused", "[transform][windows][archive]") {
  const auto old_set = feature_set<Payment>("s", &Payment::at, window("n", &Payment::card, 1h, count()),
                                            window("spend", &Payment::card, 1h, sum(field("amount", &Payment::amount))));
  FeaturePipeline<Payment> old(old_set);
  old.observe(paid(100, 5.0));
  FeaturePipeline<Payment> wider(feature_set<Payment>(
      "s", &Payment::at, window("n", &Payment::card, 1h, count()),
      window("spend", &Payment::card, 1h, sum(field("amount", &Payment::amount))), window("n2", &Payment::card, 2h, count()),
      window("half", &Payment::card, 1h, sum(field("half", "v1", [](const Payment& p) { return p.amount / 2.0; }))),
      window("m", &Payment::merchant, 1h, count())));
  auto windows = wider.windows();
  load(windows, save(old.windows()));
  std::vector<float> dense(5);
  FeatureOutput out{dense, {}, {}};
  wider.feature_set().compute(paid(200, 0.0), wider.fitted(), windows, out);
  CHECK(dense == std::vector<float>{1.0F, 5.0F, 1.0F, 0.0F, 0.0F});
  wider.feature_set().feed(paid(200, 3.0), windows);
  wider.feature_set().compute(paid(300, 0.0), wider.fitted(), windows, out);
  CHECK(dense == std::vector<float>{2.0F, 8.0F, 2.0F, 1.5F, 1.0F});

  const auto other = feature_set<Payment>("s", &Payment::at, window("m", &Payment::merchant, 1h, count()));
  auto refused = other.make_windows();
  CHECK_THROWS_AS(load(refused, save(old.windows())), FormatError);
}

TEST_CASE("Windows restored into smaller bounds let go of the oldest, and count it", "[transform][windows][archive]") {
  auto pipeline = one_window(1h);
  for (int i = 0; i < 10; ++i) pipeline.observe(paid(100 + i, 1 << i, 1));
  for (std::uint64_t card = 2; card < 6; ++card) pipeline.observe(paid(100, 1.0, card));
  auto smaller = one_window(1h, {.max_entities = 2, .shards = 1});
  load(smaller, save(pipeline));
  CHECK(smaller.windows().counters().entities == 2);
  CHECK(smaller.windows().counters().evicted == 3);
  const auto fewer = pipeline.feature_set().with({.max_events_per_entity = 4});
  auto windows = fewer.make_windows();
  load(windows, save(pipeline.windows()));
  std::vector<float> dense(3);
  FeatureOutput out{dense, {}, {}};
  fewer.compute(paid(200, 0.0), pipeline.fitted(), windows, out);
  CHECK(dense[1] == 960.0F);
  CHECK(windows.counters().truncated == 6);
}

TEST_CASE("Windows read no truncated bytes, and whatever else they read they survive", "[transform][windows][archive]") {
  const EntityWindows::Options options{.max_entities = 20, .shards = 1};
  auto pipeline = one_window(60s, options);
  for (const Payment& payment : payments(3, 12, 20)) pipeline.observe(payment);
  const auto bytes = save(pipeline.windows());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    auto restored = pipeline.feature_set().with(options).make_windows();
    CHECK_THROWS_AS(load(restored, std::span(bytes).first(size)), FormatError);
  }
  std::vector<float> dense(3);
  FeatureOutput out{dense, {}, {}};
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    auto restored = pipeline.feature_set().with(options).make_windows();
    try {
      load(restored, flipped);
    } catch (const FormatError&) {
      continue;
    }
    for (const Payment& payment : payments(4, 12, 20)) {
      pipeline.feature_set().compute(payment, pipeline.fitted(), restored, out);
      REQUIRE(is_usable(Features{dense, {}}));
      pipeline.feature_set().feed(payment, restored);
    }
  }
}

TEST_CASE("Windows refuse events that no stream can have fed", "[transform][windows][archive]") {
  auto pipeline = one_window(60s);
  pipeline.observe(paid(100, 3.0));
  const auto bytes = save(pipeline.windows());
  const std::size_t event = bytes.size() - 2 * sizeof(std::uint64_t);  // its time, its value
  for (const unsigned flip : {0x40U, 0xffU}) {                         // later than the entity's newest, or before all calendars
    auto changed = bytes;
    changed[event + 7] ^= static_cast<std::byte>(flip);
    auto restored = pipeline.windows();
    CAPTURE(flip);
    CHECK_THROWS_AS(load(restored, changed), FormatError);
    CHECK(save(restored) == bytes);
  }
}

TEST_CASE("Four threads that lock, compute and feed lose nothing, while another takes consistent cuts", "[transform][windows][threads]") {
  const auto set = feature_set<Payment>("t", &Payment::at, window("card", &Payment::card, 1h, count()),
                                        window("merchant", &Payment::merchant, 1h, sum(&Payment::amount)));
  auto windows = set.with({.max_events_per_entity = 100'000}).make_windows();
  const Fitted fitted = set.make_fitted();
  constexpr std::string_view merchants[] = {"a", "b", "c"};
  constexpr std::size_t each = 3000;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Rng rng(t);
      std::vector<float> dense(2);
      FeatureOutput out{dense, {}, {}};
      for (std::size_t i = 0; i < each; ++i) {
        Payment payment = paid(static_cast<std::int64_t>(1000 + i / 10), 1.0, rng.below(5));
        payment.merchant = merchants[rng.below(3)];
        const auto lock = set.lock(payment, windows);
        set.compute(payment, fitted, windows, out);
        set.feed(payment, windows);
      }
    });
  bool whole = true;
  for (int cut = 0; cut < 20; ++cut) {
    const auto lock = windows.lock_all();
    const EntityWindows copy = windows;
    std::vector<float> dense(2);
    FeatureOutput out{dense, {}, {}};
    float cards = 0.0F;
    float spent = 0.0F;
    for (std::uint64_t card = 0; card < 5; ++card) set.compute(paid(2000, 0.0, card), fitted, copy, out), cards += dense[0];
    for (const std::string_view merchant : merchants) {
      Payment probe = paid(2000, 0.0);
      probe.merchant = merchant;
      set.compute(probe, fitted, copy, out);
      spent += dense[1];
    }
    whole = whole && cards == spent;  // each event is in both of its entities, or in neither
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(whole);
  std::vector<float> dense(2);
  FeatureOutput out{dense, {}, {}};
  float total = 0.0F;
  for (std::uint64_t card = 0; card < 5; ++card) {
    set.compute(paid(2000, 0.0, card), fitted, windows, out);
    total += dense[0];
  }
  CHECK(total == 4.0F * each);
  CHECK(windows.counters().entities == 8);
}
