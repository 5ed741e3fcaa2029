// Every function of a window, exact and of tiles, against adding up the whole log anew.
#include <chrono>
#include <string>
#include <vector>

#include "payment.hpp"
#include "plain_windows.hpp"
#include "rtml/core/archive.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::bits_of;
using rtml::testing::dense_of;
using rtml::testing::KindOfWindow;
using rtml::testing::Payment;
using rtml::testing::payments;
using rtml::testing::PlainLog;
using rtml::testing::shop;
using rtml::testing::shop_count;
using rtml::testing::Tail;

namespace {

constexpr KindOfWindow window_kinds[] = {{600s, Tail::exact, 0s},     {61s, Tail::exact, 0s},     {600s, Tail::hopping, 60s},
                                         {600s, Tail::sawtooth, 60s}, {90s, Tail::sawtooth, 60s}, {35s, Tail::sawtooth, 7s},
                                         {14s, Tail::hopping, 7s}};
constexpr Duration half_lives[] = {30s, 3600s};

FeatureSet<Payment> all_windows() {
  std::vector<AnyFeature<Payment>> features;
  const auto card = &Payment::card;
  const auto amount = &Payment::amount;
  for (const KindOfWindow& kind : window_kinds) {
    const std::string by = " " + to_text(features.size());
    const WindowKind how = kind.kind();
    features.push_back(window("count" + by, card, kind.span, count(), how));
    features.push_back(window("rate" + by, card, kind.span, rate(), how));
    features.push_back(window("since" + by, card, kind.span, time_since_last(), how));
    features.push_back(window("sum" + by, card, kind.span, sum(amount), how));
    features.push_back(window("mean" + by, card, kind.span, mean(amount), how));
    features.push_back(window("variance" + by, card, kind.span, variance(amount), how));
    features.push_back(window("min" + by, card, kind.span, rtml::min(amount), how));
    features.push_back(window("max" + by, card, kind.span, rtml::max(amount), how));
    features.push_back(window("merchants" + by, card, kind.span, distinct(&Payment::merchant), how));
    if (kind.tail == Tail::exact) features.push_back(window("last" + by, card, kind.span, last(3, amount)));
  }
  for (const Duration half_life : half_lives) {
    features.push_back(fading("fading count" + to_text(half_life.count()), card, half_life, count()));
    features.push_back(fading("fading sum" + to_text(half_life.count()), card, half_life, sum(amount)));
  }
  return feature_set_from<Payment>("all windows", &Payment::at, std::move(features));
}

std::vector<float> plain_columns(const PlainLog& log, const Payment& payment) {
  std::vector<float> all;
  for (const KindOfWindow& kind : window_kinds) {
    const auto range = log.of(payment, kind.span, kind.tail, kind.hop);
    for (const float value : {range.count(), range.rate(), range.since(payment.at), range.sum(), range.mean(), range.variance(),
                              range.lowest(), range.highest(), range.distinct_merchants()})
      all.push_back(value);
    if (kind.tail == Tail::exact)
      for (std::size_t n = 1; n <= 3; ++n) all.push_back(range.last(n));
  }
  return all;
}

/// Columns that are not what the log says.
std::size_t wrong_columns(const PlainLog& log, const Payment& payment, const std::vector<float>& served) {
  const auto plain = bits_of(plain_columns(log, payment));
  const auto bits = bits_of(served);
  std::size_t wrong = 0;
  std::size_t column = 0;
  for (const KindOfWindow& kind : window_kinds) {
    const std::size_t columns = kind.tail == Tail::exact ? 12 : 9;
    for (std::size_t i = 0; i < columns; ++i, ++column) {
      const bool estimate = i == 8;  // equal but for the order of summation
      const float expected = std::bit_cast<float>(plain[column]);
      wrong += estimate ? !(std::abs(served[column] - expected) <= 1e-5F * expected) : bits[column] != plain[column];
    }
  }
  std::size_t at = plain.size();
  for (const Duration half_life : half_lives)
    for (const bool amounts : {false, true}) {
      const double expected = log.faded(payment, half_life, amounts);
      const auto found = static_cast<double>(served[at++]);
      wrong += is_nan(expected) ? !is_nan(found) : !(std::abs(found - expected) <= 1e-6 * std::abs(expected) + 1e-4);
    }
  return wrong;
}

/// One card, with shops enough that sketches become dense; time goes up and down.
std::vector<Payment> long_stream(std::uint64_t seed, std::size_t count, std::uint64_t late) {
  auto stream = payments(seed, count, late);
  Rng rng(seed);
  for (Payment& payment : stream) {
    payment.card = 0;
    payment.merchant = shop(rng.below(shop_count));
    payment.at = Time(payment.at.time_since_epoch() / 10);
  }
  return stream;
}

Payment at_second(std::int64_t second, double amount = 1.0, std::uint64_t card = 1) {
  return {from_unix_seconds(second), card, "shop", amount, rtml::testing::Channel::web};
}

}  // namespace

TEST_CASE("Every function of every kind of window is what the whole log gives, with ties and late events",
          "[transform][windows][property]") {
  const auto seed = GENERATE(range(1U, 10U));
  const std::uint64_t late = seed % 3 * 120;
  const Duration lateness = seconds(seed % 2 == 0 ? 1000 : 60);
  FeaturePipeline<Payment> pipeline(all_windows().with({.lateness = lateness}));
  PlainLog log(lateness);
  std::size_t wrong = 0;
  for (const Payment& payment : payments(seed, 700, late)) {
    if (log.takes(payment)) wrong += wrong_columns(log, payment, dense_of(pipeline, payment));
    pipeline.observe(payment);
    log.feed(payment);
  }
  CAPTURE(seed);
  CHECK(wrong == 0);
  CHECK((pipeline.windows().counters().late > 0) == (late > 0));
  CHECK(pipeline.windows().counters().truncated == 0);
}

TEST_CASE("Windows of thousands of events are what the whole log gives, however late events come",
          "[transform][windows][property][simulation]") {
  const auto seed = GENERATE(range(1U, 5U));
  const std::uint64_t late = seed % 2 == 0 ? 0 : 20'000;
  FeaturePipeline<Payment> pipeline(all_windows().with({.max_events_per_entity = 1U << 20U, .lateness = hours(1)}));
  PlainLog log(hours(1));
  std::size_t wrong = 0;
  std::size_t i = 0;
  for (const Payment& payment : long_stream(seed, 8000, late)) {
    if (i++ % 37 == 0) wrong += wrong_columns(log, payment, dense_of(pipeline, payment));
    pipeline.observe(payment);
    log.feed(payment);
  }
  CAPTURE(seed);
  CHECK(wrong == 0);
}

TEST_CASE("Tiles that several windows and values share are counted once in each", "[transform][windows]") {
  // What went wrong elsewhere: the hops at the tail of a window added once for each column that reads them.
  const auto amount = &Payment::amount;
  FeaturePipeline<Payment> pipeline(feature_set<Payment>(
      "shared", &Payment::at, window("a", &Payment::card, 600s, sum(amount), sawtooth(60s)),
      window("b", &Payment::card, 600s, count(), sawtooth(60s)), window("c", &Payment::card, 600s, mean(amount), sawtooth(60s)),
      window("d", &Payment::card, 1200s, sum(amount), sawtooth(60s)), window("e", &Payment::card, 600s, sum(amount), hopping(60s))));
  REQUIRE(pipeline.windows().keys().size() == 1);
  for (int i = 0; i < 20; ++i) pipeline.observe(at_second(6000 + 60 * i + 30));
  const auto x = dense_of(pipeline, at_second(6000 + 1200 + 15));
  CHECK(x == std::vector<float>{10.0F, 10.0F, 1.0F, 20.0F, 10.0F});
}

TEST_CASE("A sawtooth window is exact at its head and takes in up to a hop more at its tail; a hopping one ends a hop early at most",
          "[transform][windows]") {
  FeaturePipeline<Payment> pipeline(feature_set<Payment>("kinds", &Payment::at, window("saw", &Payment::card, 120s, count(), sawtooth(60s)),
                                                         window("hop", &Payment::card, 120s, count(), hopping(60s))));
  for (const std::int64_t second : {599, 600, 659, 660, 719, 720, 779}) pipeline.observe(at_second(second));
  const auto of = [&](std::int64_t second) { return dense_of(pipeline, at_second(second)); };
  CHECK(of(779) == std::vector<float>{5.0F, 4.0F});  // [600, 779), without itself; [600, 720)
  CHECK(of(780) == std::vector<float>{4.0F, 4.0F});  // [660, 780); [660, 780)
  CHECK(of(839) == std::vector<float>{4.0F, 4.0F});  // [660, 839)
  CHECK(of(840) == std::vector<float>{2.0F, 2.0F});  // [720, 840)
  CHECK(of(730) == std::vector<float>{4.0F, 4.0F});  // late: both [600, 720), for what is in the open tile may be later
}

TEST_CASE("A hop is chosen by the length of the window", "[transform][windows]") {
  CHECK(sawtooth().hop(minutes(719)) == minutes(5));
  CHECK(sawtooth().hop(hours(12)) == hours(1));
  CHECK(sawtooth().hop(days(12) - 1s) == hours(1));
  CHECK(sawtooth().hop(days(12)) == days(1));
  CHECK(exact().hop(days(12)) == 0s);
}

TEST_CASE("Tiles are aligned before 1970 as after it", "[transform][windows]") {
  FeaturePipeline<Payment> pipeline(feature_set<Payment>("old", &Payment::at, window("n", &Payment::card, 120s, count(), sawtooth(60s))));
  for (const std::int64_t second : {-121, -120, -61, -1, 1}) pipeline.observe(at_second(second));
  CHECK(dense_of(pipeline, at_second(30))[0] == 4.0F);   // [-120, 30)
  CHECK(dense_of(pipeline, at_second(-10))[0] == 3.0F);  // late: [-180, -60)
}

TEST_CASE("Too many tiles: the oldest goes, out of every window that held it", "[transform][windows]") {
  FeaturePipeline<Payment> pipeline(feature_set<Payment>("bound", &Payment::at,
                                                         window("tiles", &Payment::card, 1000s, count(), sawtooth(10s)),
                                                         window("events", &Payment::card, 1000s, count()))
                                        .with({.max_events_per_entity = 40}));
  for (int i = 0; i < 90; ++i) {
    pipeline.observe(at_second(10 * i + 5));
    const auto most = [&](int bound) { return static_cast<float>(std::min(i + 1, bound)); };
    REQUIRE(dense_of(pipeline, at_second(10 * i + 6)) == std::vector<float>{most(41), most(40)});  // 40 tiles and the newest instant
  }
  CHECK(pipeline.windows().counters().truncated == 49 + 50);
}

TEST_CASE("A variance loses nothing to a huge mean, nor to a huge value that has left", "[transform][windows]") {
  FeaturePipeline<Payment> pipeline(feature_set<Payment>("v", &Payment::at, window("v", &Payment::card, 100s, variance(&Payment::amount)),
                                                         window("t", &Payment::card, 100s, variance(&Payment::amount), sawtooth(10s))));
  pipeline.observe(at_second(1000, 9e14));
  CHECK(dense_of(pipeline, at_second(1001)) == std::vector<float>{0.0F, 0.0F});
  for (int i = 0; i < 4; ++i) pipeline.observe(at_second(2000 + i, 1e14 + i));
  CHECK(dense_of(pipeline, at_second(2010)) == std::vector<float>{1.25F, 1.25F});
  for (int i = 0; i < 4; ++i) pipeline.observe(at_second(3000 + i, -0.1 * i));
  const auto x = dense_of(pipeline, at_second(3010));
  CHECK(x[0] == 0.0125F);
  CHECK(x[1] == 0.0125F);
}

TEST_CASE("Without events every function is 0 or missing, as it says", "[transform][windows]") {
  FeaturePipeline<Payment> pipeline(all_windows());
  const auto x = dense_of(pipeline, at_second(100));
  std::size_t at = 0;
  for (const KindOfWindow& kind : window_kinds) {
    for (const std::size_t zero : {0U, 1U, 3U, 8U}) CHECK(x[at + zero] == 0.0F);
    for (const std::size_t none : {2U, 4U, 5U, 6U, 7U}) CHECK(is_nan(x[at + none]));
    at += 9;
    for (int n = 0; n < (kind.tail == Tail::exact ? 3 : 0); ++n) CHECK(is_nan(x[at++]));
  }
  for (; at < x.size(); ++at) CHECK(x[at] == 0.0F);
}

TEST_CASE("All kinds saved, restored and continued are what goes on, bit for bit, at the bounds too; and so is a copy",
          "[transform][windows][archive]") {
  const auto seed = GENERATE(range(1U, 5U));
  const EntityWindows::Options options{.max_events_per_entity = seed % 2 == 0 ? 50U : 4096U, .lateness = 200s, .shards = 4};
  FeaturePipeline<Payment> pipeline(all_windows().with(options));
  auto stream = payments(seed, 3000, 150);
  const auto more = long_stream(seed, 2000, 300);
  stream.insert(stream.begin(), more.begin(), more.end());
  for (std::size_t i = 0; i < 2500; ++i) pipeline.observe(stream[i]);
  FeaturePipeline<Payment> restored(all_windows().with(options));
  load(restored, save(pipeline));
  CHECK(save(restored) == save(pipeline));
  FeaturePipeline<Payment> copy = pipeline;
  std::size_t wrong = 0;
  for (std::size_t i = 2500; i < stream.size(); ++i) {
    const auto expected = bits_of(dense_of(pipeline, stream[i]));
    wrong += bits_of(dense_of(restored, stream[i])) != expected;
    wrong += bits_of(dense_of(copy, stream[i])) != expected;
    for (auto* each : {&pipeline, &restored, &copy}) each->observe(stream[i]);
  }
  CHECK(wrong == 0);
  CHECK(save(restored) == save(pipeline));
  CHECK(save(copy) == save(pipeline));
  CHECK(restored.windows().counters() == pipeline.windows().counters());
  CHECK((pipeline.windows().counters().truncated > 0) == (seed % 2 == 0));
}

TEST_CASE("Partitions merged are one that was fed with everything", "[transform][windows][merge]") {
  const auto seed = GENERATE(range(1U, 7U));
  const bool by_entity = seed % 2 == 0;
  const EntityWindows::Options options{.lateness = hours(1)};
  const auto set = all_windows();
  std::vector<EntityWindows> parts(3, set.with(options).make_windows());
  auto whole = set.with(options).make_windows();
  PlainLog log(hours(1));
  const auto stream = payments(seed, 1500, 300);
  for (const Payment& payment : stream) {
    const std::uint64_t instant = hash_integer(static_cast<std::uint64_t>(to_unix_micros(payment.at)));  // last() asks for the order in one
    set.feed(payment, parts[(by_entity ? payment.card : instant) % 3]);
    set.feed(payment, whole);
    log.feed(payment);
  }
  parts[0].merge(parts[1]);
  parts[0].merge(parts[2]);
  CHECK(parts[0].counters().entities == whole.counters().entities);
  CHECK(parts[0].counters().refused == whole.counters().refused);
  std::size_t wrong = 0;
  const Fitted fitted = set.make_fitted();
  std::vector<float> dense(set.dense_size());
  FeatureOutput out{dense, {}, {}};
  for (std::uint64_t card = 0; card < 5; ++card)
    for (int later = 0; later < 700; later += 7) {
      Payment probe = stream.back();
      probe.card = card;
      probe.at += seconds(later - 100);
      set.compute(probe, fitted, parts[0], out);
      wrong += wrong_columns(log, probe, dense);
    }
  CHECK(wrong == 0);
  auto others = feature_set<Payment>("o", &Payment::at, window("n", &Payment::card, 1h, count())).with(options).make_windows();
  CHECK_THROWS_AS(parts[0].merge(others), SchemaError);
}

TEST_CASE("What fades is halved by each half-life, and events of one instant do not see each other", "[transform][windows]") {
  FeaturePipeline<Payment> pipeline(feature_set<Payment>("f", &Payment::at, fading("sum", &Payment::card, 10s, sum(&Payment::amount)),
                                                         fading("count", &Payment::card, 10s, count())));
  pipeline.observe(at_second(100, 8.0));
  CHECK(dense_of(pipeline, at_second(100)) == std::vector<float>{0.0F, 0.0F});
  pipeline.observe(at_second(100, 8.0));
  CHECK(dense_of(pipeline, at_second(110)) == std::vector<float>{8.0F, 1.0F});
  CHECK(dense_of(pipeline, at_second(120)) == std::vector<float>{4.0F, 0.5F});
  pipeline.observe(at_second(120, 1.0));
  CHECK(dense_of(pipeline, at_second(120)) == std::vector<float>{4.0F, 0.5F});
  pipeline.observe(at_second(110, 4.0));  // late: 2 by now
  CHECK(dense_of(pipeline, at_second(120)) == std::vector<float>{6.0F, 1.0F});
  CHECK(dense_of(pipeline, at_second(130)) == std::vector<float>{3.5F, 1.0F});
  CHECK(is_nan(dense_of(pipeline, at_second(119))[0]));
  CHECK(dense_of(pipeline, at_second(1'000'000)) == std::vector<float>{0.0F, 0.0F});
}

TEST_CASE("What is refused is handed to the host, and one wrong clock stops nobody", "[transform][windows]") {
  std::vector<RefusedEvent> refused;
  const EntityWindows::Options options{
      .lateness = 60s, .max_skew = 3600s, .shards = 1, .on_refused = [&](const RefusedEvent& event) { refused.push_back(event); }};
  FeaturePipeline<Payment> pipeline(feature_set<Payment>("r", &Payment::at, window("n", &Payment::card, 1h, count())).with(options));
  for (int i = 0; i < 20; ++i) pipeline.observe(at_second(10'000 + i, 1.0, static_cast<std::uint64_t>(i % 4)));
  pipeline.observe(at_second(900'000'000, 1.0, 1));  // a clock that is wrong
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].reason == RefusedEvent::Reason::ahead);
  CHECK(refused[0].at == from_unix_seconds(900'000'000));
  CHECK(refused[0].reached == from_unix_seconds(10'019));
  CHECK(dense_of(pipeline, at_second(10'020, 1.0, 1))[0] == 5.0F);
  pipeline.observe(at_second(10'020, 1.0, 1));
  CHECK(dense_of(pipeline, at_second(10'021, 1.0, 1))[0] == 6.0F);
  pipeline.observe(at_second(9'000, 1.0, 1));
  REQUIRE(refused.size() == 2);
  CHECK(refused[1].reason == RefusedEvent::Reason::too_late);
  CHECK(refused[1].reached == from_unix_seconds(10'020));
  CHECK(refused[1].entity == detail::hash_value(std::uint64_t{1}, EntityWindows::seed_of(0)));
  const auto counters = pipeline.windows().counters();
  CHECK(counters.ahead == 1);
  CHECK(counters.too_late == 1);
  CHECK(counters.entities == 4);
}

TEST_CASE("An entity that got nothing for its time to live has no events, and goes", "[transform][windows]") {
  const EntityWindows::Options options{.lateness = 0s, .time_to_live = 600s, .shards = 1};
  FeaturePipeline<Payment> pipeline(feature_set<Payment>("t", &Payment::at, window("n", &Payment::card, 1h, count())).with(options));
  for (std::uint64_t card = 0; card < 10; ++card) pipeline.observe(at_second(1000, 1.0, card));
  CHECK(dense_of(pipeline, at_second(1600, 1.0, 3))[0] == 1.0F);
  CHECK(dense_of(pipeline, at_second(1601, 1.0, 3))[0] == 0.0F);
  pipeline.observe(at_second(1600, 1.0, 99));
  CHECK(pipeline.windows().counters().expired == 0);
  for (int i = 0; i < 20; ++i) pipeline.observe(at_second(1601 + i, 1.0, 99));
  CHECK(pipeline.windows().counters().entities == 1);
  CHECK(pipeline.windows().counters().expired == 10);
  for (std::uint64_t card = 0; card < 10; ++card) pipeline.observe(at_second(1700, 1.0, card));  // into the places of those that went
  for (std::uint64_t card = 0; card < 10; ++card) CHECK(dense_of(pipeline, at_second(1701, 1.0, card))[0] == 1.0F);
}

TEST_CASE("What has outlived its time to live does not come back when its entity is fed again, whatever else lies in its shard",
          "[transform][windows]") {
  const auto tail = GENERATE(Tail::exact, Tail::sawtooth);
  const std::size_t shards = GENERATE(1U, 64U);
  const auto set = feature_set<Payment>("t", &Payment::at, window("n", &Payment::card, 1h, count(), KindOfWindow{1h, tail, 60s}.kind()),
                                        fading("f", &Payment::card, days(36500), count()))
                       .with({.time_to_live = 600s, .shards = shards});
  FeaturePipeline<Payment> pipeline(set);
  const auto of = [&](std::int64_t second, std::uint64_t card) { return dense_of(pipeline, at_second(second, 1.0, card))[0]; };
  pipeline.observe(at_second(2000, 1.0, 99));  // keeps those that come later with an earlier time from being looked at
  for (std::uint64_t card = 0; card < 10; ++card) pipeline.observe(at_second(1000, 1.0, card));
  pipeline.observe(at_second(1600, 1.0, 8));  // in time
  CHECK(of(1601, 8) == 2.0F);
  pipeline.observe(at_second(1601, 1.0, 9));  // too late for what was before
  CHECK(of(1602, 9) == 1.0F);
  CHECK(dense_of(pipeline, at_second(1602, 1.0, 9))[1] == Approx(1.0F).epsilon(1e-6));
  CHECK(pipeline.windows().counters().expired >= 1);

  auto earlier = set.make_windows();
  auto later = set.make_windows();
  set.feed(at_second(1000), earlier);
  set.feed(at_second(1700), later);
  auto grown = earlier;
  grown.merge(later);
  later.merge(earlier);
  CHECK(grown.counters().expired == 1);
  CHECK(later.counters().expired == 1);
  for (const EntityWindows* windows : {&grown, &later}) {
    std::vector<float> dense(2);
    FeatureOutput out{dense, {}, {}};
    set.compute(at_second(1701), pipeline.fitted(), *windows, out);
    CHECK(dense[0] == 1.0F);
  }
}

TEST_CASE("What an entity has does not depend on the number of shards, whatever outlives its time to live and whatever comes late",
          "[transform][windows][property]") {
  const auto seed = GENERATE(range(1U, 5U));
  const EntityWindows::Options options{.lateness = 200s, .time_to_live = 300s};
  std::vector<FeaturePipeline<Payment>> pipelines;
  for (const std::size_t shards : {1U, 8U, 64U}) {
    auto each = options;
    each.shards = shards;
    pipelines.emplace_back(all_windows().with(each));
  }
  auto stream = payments(seed, 4000, 200);
  Rng rng(seed);
  for (Payment& payment : stream) payment.card = rng.below(rng.below(400) + 1);
  std::size_t wrong = 0;
  for (const Payment& payment : stream) {
    const auto expected = bits_of(dense_of(pipelines[0], payment));
    for (auto& pipeline : pipelines) {
      wrong += bits_of(dense_of(pipeline, payment)) != expected;
      pipeline.observe(payment);
    }
  }
  CHECK(wrong == 0);
  CHECK(pipelines[0].windows().counters().expired > 1000);
}

TEST_CASE("An event that finds no memory is counted once, and others go on", "[transform][windows]") {
  const auto kind = GENERATE(exact(), sawtooth());
  const std::size_t largest = GENERATE(64U, 1500U);  // no place for an entity; none for what it holds
  FeaturePipeline<Payment> pipeline(
      feature_set<Payment>("m", &Payment::at, window("n", &Payment::card, 1h, count(), kind)).with({.shards = 1}));
  {
    const rtml::testing::AllocationLimit limit(largest);
    pipeline.observe(at_second(10));
  }
  CHECK(pipeline.windows().counters().failed == 1);
  pipeline.observe(at_second(11));
  CHECK(dense_of(pipeline, at_second(12))[0] == 1.0F);
  CHECK(pipeline.windows().counters().failed == 1);
}

TEST_CASE("After warm-up windows of all kinds allocate nothing", "[transform][windows]") {
  FeaturePipeline<Payment> pipeline(all_windows().with({.max_entities = 64, .max_events_per_entity = 200, .lateness = 100s, .shards = 1}));
  auto stream = payments(1, 30'000, 90);
  for (std::size_t i = 0; i < stream.size(); ++i) stream[i].card = i % 101;  // entities come and go
  for (std::size_t i = 0; i < 20'000; ++i) pipeline.observe(stream[i]);
  std::vector<float> dense(pipeline.feature_set().dense_size());
  const std::size_t bytes = pipeline.windows().memory_bytes();
  const rtml::testing::AllocationCounter counter;
  for (std::size_t i = 20'000; i < stream.size(); ++i) {
    static_cast<void>(pipeline(stream[i]));
    pipeline.observe(stream[i]);
  }
  const auto allocations = counter.count();
  CHECK(allocations == 0);
  CHECK(pipeline.windows().memory_bytes() == bytes);
  CHECK(pipeline.windows().counters().evicted > 0);
}

TEST_CASE("A set that gained windows of every kind goes on with what the old one has", "[transform][windows][archive]") {
  const auto amount = field("amount", &Payment::amount);
  const auto tiles = sawtooth(60s);
  FeaturePipeline<Payment> old(feature_set<Payment>("s", &Payment::at, window("a", &Payment::card, 1h, sum(amount)),
                                                    window("b", &Payment::card, 1h, sum(amount), tiles),
                                                    fading("c", &Payment::card, 60s, count())));
  old.observe(at_second(120, 5.0));
  old.observe(at_second(180, 7.0));
  FeaturePipeline<Payment> wider(feature_set<Payment>(
      "s", &Payment::at, window("a", &Payment::card, 1h, sum(amount)), window("b", &Payment::card, 1h, sum(amount), tiles),
      fading("c", &Payment::card, 60s, count()), window("max", &Payment::card, 1h, rtml::max(amount)),
      window("tile max", &Payment::card, 1h, rtml::max(amount), tiles), window("tile since", &Payment::card, 1h, time_since_last(), tiles),
      window("shops", &Payment::card, 1h, distinct(&Payment::merchant)), fading("d", &Payment::card, 60s, sum(amount))));
  auto windows = wider.windows();
  load(windows, save(old.windows()));
  std::vector<float> dense(8);
  FeatureOutput out{dense, {}, {}};
  wider.feature_set().compute(at_second(240), wider.fitted(), windows, out);
  CHECK(dense[0] == 12.0F);
  CHECK(dense[1] == 12.0F);
  CHECK(dense[2] == 0.75F);
  CHECK(dense[3] == 7.0F);  // from the events that were kept
  CHECK(is_nan(dense[4]));  // tiles keep nothing that was not asked for
  CHECK(is_nan(dense[5]));
  CHECK(dense[6] == 0.0F);
  CHECK(dense[7] == 0.0F);
  wider.feature_set().feed(at_second(240, 3.0), windows);
  wider.feature_set().compute(at_second(300), wider.fitted(), windows, out);
  CHECK(dense[4] == 3.0F);
  CHECK(dense[5] == 60.0F);
  CHECK(dense[6] == Approx(1.0F).epsilon(0.01));
  CHECK(dense[7] == 1.5F);
  auto refused = old.windows();
  CHECK_THROWS_AS(load(refused, save(windows)), FormatError);
}

TEST_CASE("Windows of all kinds keep the laws of archives, and what they read of damaged bytes they survive",
          "[transform][windows][archive]") {
  const EntityWindows::Options options{.max_entities = 20, .max_events_per_entity = 40, .shards = 1};
  FeaturePipeline<Payment> pipeline(all_windows().with(options));
  for (const Payment& payment : payments(3, 60, 30)) pipeline.observe(payment);
  for (const Payment& payment : long_stream(3, 60, 30)) pipeline.observe(payment);
  const auto set = pipeline.feature_set();
  const auto probes = payments(4, 6, 20);
  std::vector<float> dense(set.dense_size());
  FeatureOutput out{dense, {}, {}};
  rtml::testing::check_archive(pipeline.windows(), set.with(options).make_windows(), [&](EntityWindows& read) {
    for (const Payment& payment : probes) {
      set.compute(payment, pipeline.fitted(), read, out);
      if (!is_usable(Features{dense, {}})) throw Error("a window that makes an example unusable");
      set.feed(payment, read);
    }
    static_cast<void>(save(read));
  });
}

TEST_CASE("A window that is none is refused by name", "[transform][windows][config]") {
  const auto card = &Payment::card;
  CHECK_THROWS_WITH(window("w", card, 0s, count()), "window: span (us) is 0, must be in (0, 36500 days]");
  CHECK_THROWS_WITH(window("w", card, 30s, count(), sawtooth(60s)), "window: span (us) is 30000000, must be a hop at least");
  CHECK_THROWS_WITH(window("w", card, 90s, count(), hopping(60s)), "window: span (us) is 90000000, must be a multiple of the hop");
  CHECK_THROWS_WITH(window("w", card, 90s, last(2, &Payment::amount), sawtooth(60s)),
                    "window: kind is \"tiles\", must be exact() for last(): tiles keep no single values");
  CHECK_THROWS_WITH(last(0, &Payment::amount), "last: n is 0, must be in [1, 256]");
  CHECK_THROWS_WITH(hopping(0s), "hopping: hop (us) is 0, must be in (0, 36500 days]");
  CHECK_THROWS_WITH(sawtooth(-1s), "sawtooth: hop (us) is -1000000, must be in (0, 36500 days]");
  CHECK_THROWS_WITH(fading("f", card, 0s, count()), "fading: half_life (us) is 0, must be in (0, 36500 days]");
  const auto set = all_windows();
  CHECK_THROWS_WITH(set.with({.time_to_live = 0s}), "EntityWindows: time_to_live (us) is 0, must be in (0, 36500 days]");
  CHECK_THROWS_WITH(set.with({.max_skew = 0s}), "EntityWindows: max_skew (us) is 0, must be in (0, 36500 days]");
}

TEST_CASE("The kind of a window and its hop are part of what it is", "[transform][windows]") {
  const auto fingerprint = [](WindowKind kind) {
    return feature_set<Payment>("f", &Payment::at, window("w", &Payment::card, 600s, count(), kind)).schema().fingerprint();
  };
  const std::uint64_t prints[] = {fingerprint(exact()), fingerprint(hopping(60s)), fingerprint(sawtooth(60s)), fingerprint(sawtooth(30s))};
  for (const std::uint64_t& print : prints) CHECK(std::count(std::begin(prints), std::end(prints), print) == 1);
  CHECK(fingerprint(sawtooth()) == fingerprint(sawtooth(300s)));
}
