// Quantiles and most frequent values of windows, exact and of tiles, against sorting and counting the whole log anew.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
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
using rtml::testing::KindOfWindow;
using rtml::testing::Payment;
using rtml::testing::payments;
using rtml::testing::PlainLog;
using rtml::testing::PlainRange;
using rtml::testing::Served;
using rtml::testing::served_of;
using rtml::testing::shop;
using rtml::testing::shop_count;
using rtml::testing::Tail;

namespace {

constexpr KindOfWindow tally_windows[] = {{600s, Tail::exact, 0s},      {61s, Tail::exact, 0s},     {600s, Tail::hopping, 60s},
                                          {600s, Tail::sawtooth, 60s},  {90s, Tail::sawtooth, 60s}, {35s, Tail::sawtooth, 7s},
                                          {3500s, Tail::sawtooth, 70s}, {14s, Tail::hopping, 7s},   {2100s, Tail::sawtooth, 7s}};
constexpr std::uint64_t percents[] = {0, 7, 50, 90, 100};
constexpr std::size_t most_frequent = 3;

std::vector<AnyFeature<Payment>> tally_features() {
  std::vector<AnyFeature<Payment>> features;
  for (const KindOfWindow& kind : tally_windows) {
    const std::string by = " " + to_text(features.size());
    const WindowKind how = kind.kind();
    for (const std::uint64_t percent : percents)
      features.push_back(window("p" + to_text(percent) + by, &Payment::card, kind.span,
                                quantile(static_cast<double>(percent) / 100.0, &Payment::amount), how));
    features.push_back(window("top" + by, &Payment::card, kind.span, top_k(most_frequent, &Payment::merchant), how));
    features.push_back(window("share" + by, &Payment::card, kind.span, top_share(2, &Payment::merchant), how));
  }
  return features;
}

FeatureSet<Payment> tally_set() { return feature_set_from<Payment>("tallies", &Payment::at, tally_features()); }

Served plain_tallies(const PlainLog& log, const Payment& payment) {
  std::vector<float> dense;
  Served all;
  std::size_t feature = 0;
  for (const KindOfWindow& kind : tally_windows) {
    const PlainRange range = log.of(payment, kind.span, kind.tail, kind.hop);
    for (const std::uint64_t percent : percents)
      dense.push_back(kind.tail == Tail::exact ? range.quantile(percent) : range.bucket_quantile(percent));
    dense.push_back(range.top_share(2));
    const std::uint64_t seed = hash_bytes("top " + to_text(feature));
    for (const PlainRange::Top& top : range.top_merchants(most_frequent)) {
      all.sparse.push_back(static_cast<std::uint32_t>(hash_combine(seed, top.key) >> 32U));
      all.sparse.push_back(std::bit_cast<std::uint32_t>(top.share));
    }
    feature += std::size(percents) + 2;
  }
  all.dense = bits_of(dense);
  return all;
}

/// One card, many shops of unlike size, amounts that all differ and spread far, of both signs.
std::vector<Payment> spread_stream(std::uint64_t seed, std::size_t count, std::uint64_t late) {
  auto stream = payments(seed, count, late);
  Rng rng(seed);
  for (Payment& payment : stream) {
    payment.card = 0;
    payment.merchant = shop(rng.below(rng.below(shop_count) + 1));
    payment.at = Time(payment.at.time_since_epoch() / 10);
    payment.amount = std::exp(4.0 * rng.normal()) * (rng.below(5) == 0 ? -1.0 : 1.0);
    if (rng.below(50) == 0) payment.amount = 0.0;
  }
  return stream;
}

Payment tally_event(std::int64_t second, double amount, std::string_view merchant = "shop") {
  return {from_unix_seconds(second), 1, merchant, amount, rtml::testing::Channel::web};
}

template <class Aggregate>
FeaturePipeline<Payment> one_tally(Aggregate aggregate, WindowKind kind, Duration span = 600s) {
  return FeaturePipeline<Payment>(feature_set<Payment>("t", &Payment::at, window("w", &Payment::card, span, aggregate, kind))
                                      .with({.max_events_per_entity = 1U << 16U}));
}

}  // namespace

TEST_CASE("Quantiles and top values of every kind of window are what the whole log gives, with ties and late events",
          "[transform][windows][property]") {
  const auto seed = GENERATE(range(1U, 9U));
  const std::uint64_t late = seed % 3 * 120;
  const Duration lateness = seconds(seed % 2 == 0 ? 1000 : 60);
  FeaturePipeline<Payment> pipeline(tally_set().with({.lateness = lateness}));
  PlainLog log(lateness);
  std::size_t wrong = 0;
  for (const Payment& payment : payments(seed, 700, late)) {
    if (log.takes(payment)) wrong += served_of(pipeline(payment)) != plain_tallies(log, payment);
    pipeline.observe(payment);
    log.feed(payment);
  }
  CAPTURE(seed);
  CHECK(wrong == 0);
  CHECK((pipeline.windows().counters().late > 0) == (late > 0));
}

TEST_CASE("Quantiles and top values of thousands of events are what the whole log gives, however late events come",
          "[transform][windows][property][simulation]") {
  const auto seed = GENERATE(range(1U, 5U));
  FeaturePipeline<Payment> pipeline(tally_set().with({.max_events_per_entity = 1U << 20U, .lateness = hours(1)}));
  PlainLog log(hours(1));
  std::size_t wrong = 0;
  std::size_t i = 0;
  for (const Payment& payment : spread_stream(seed, 8000, seed % 2 == 0 ? 0 : 20'000)) {
    if (i++ % 211 == 0) wrong += served_of(pipeline(payment)) != plain_tallies(log, payment);
    pipeline.observe(payment);
    log.feed(payment);
  }
  CAPTURE(seed);
  CHECK(wrong == 0);
}

TEST_CASE("A quantile is the least value that so many do not exceed, and values that are not usable do not count", "[transform][windows]") {
  for (const WindowKind kind : {exact(), sawtooth(60s), hopping(60s)}) {
    const auto of = [&](double q, const std::vector<double>& amounts) {
      auto pipeline = one_tally(quantile(q, &Payment::amount), kind);
      for (const double amount : amounts) pipeline.observe(tally_event(1000, amount));
      return pipeline(tally_event(1080, 0.0)).dense[0];
    };
    CHECK(of(0.5, {3.0, 1.0, 2.0}) == 2.0F);
    CHECK(of(0.5, {4.0, 1.0, 2.0, 3.0}) == 2.0F);
    CHECK(of(0.51, {4.0, 1.0, 2.0, 3.0}) == 3.0F);
    CHECK(of(0.0, {4.0, 1.0}) == 1.0F);
    CHECK(of(1.0, {4.0, 1.0}) == 4.0F);
    CHECK(of(0.5, {-0.0}) == 0.0F);
    CHECK(of(0.9, {19.99}) == 19.99F);
    CHECK(of(1.0, {-9e14, 9e14, rtml::testing::infinity, rtml::testing::nan}) == 9e14F);
    CHECK(of(0.5, {-9e14, 9e14, 2e15}) == -9e14F);
    CHECK(of(0.25, {-5.0, -7.0, 0.0, 2.0}) == -7.0F);
    CHECK(is_nan(of(0.5, {})));
    CHECK(is_nan(of(0.5, {rtml::testing::nan})));
    std::vector<double> many(3000, 5.0);
    many.resize(4200, 7.0);
    CHECK(of(0.5, many) == 5.0F);
    CHECK(of(0.9, many) == 7.0F);
    many.clear();
    for (int i = 0; i < 1000; ++i) many.push_back(9.9e14 * std::exp2(-0.03 * i));
    CHECK(of(1.0, many) == Approx(9.9e14).epsilon(0.07));
    CHECK(is_usable(of(1.0, many)));  // although the middle of its bucket is not
    // 0.07 * 100 is more than 7 as a product of doubles.
    std::vector<double> hundred;
    for (int i = 1; i <= 100; ++i) hundred.push_back(i);
    CHECK(of(0.07, hundred) == 7.0F);
    CHECK(of(0.29, hundred) == 29.0F);
  }
}

TEST_CASE("Quantiles of tiles are off by no more than is said, whatever the distribution", "[transform][windows][property]") {
  struct Spread {
    double factor;  // that values lie within
    double error;
  };
  const auto spread = GENERATE(Spread{15.9, 1.0 / 129}, Spread{255.0, 1.0 / 65}, Spread{65'000.0, 1.0 / 33});
  const double sign = GENERATE(1.0, -1.0);
  Rng rng(7);
  auto pipeline = one_tally(quantile(0.5, &Payment::amount), sawtooth(60s), 6000s);
  std::vector<double> all;
  double worst = 0.0;
  for (int i = 0; i < 5000; ++i) {
    const double amount = sign * std::exp(std::log(spread.factor) * rng.uniform());
    pipeline.observe(tally_event(6000 + i, amount));
    all.push_back(amount);
    if (i % 50 != 49) continue;
    auto sorted = all;
    std::sort(sorted.begin(), sorted.end());
    const double median = sorted[(sorted.size() + 1) / 2 - 1];
    worst = std::max(worst, std::abs(static_cast<double>(pipeline(tally_event(6001 + i, 0.0)).dense[0]) / median - 1.0));
  }
  CAPTURE(spread.factor, sign);
  CHECK(worst <= spread.error + 1e-7);
  CHECK(worst > spread.error / 4);  // else more could be said
}

TEST_CASE("The most frequent values come first, of two as frequent the one of the smaller hash, as hashed features with their shares",
          "[transform][windows]") {
  for (const WindowKind kind : {exact(), sawtooth(60s), hopping(60s)}) {
    auto pipeline = one_tally(top_k(2, &Payment::merchant), kind);
    const auto index = [](std::string_view merchant) {
      return static_cast<std::uint32_t>(hash_combine(hash_bytes("w"), hash_bytes(merchant) >> 32U) >> 32U);
    };
    CHECK(pipeline.feature_set().sparse_capacity() == 2);
    CHECK(pipeline(tally_event(1000, 0.0)).sparse.empty());
    for (const std::string_view shop : {"a", "", "b", "c", "b"}) pipeline.observe(tally_event(1000, 0.0, shop));
    const auto sparse = pipeline(tally_event(1080, 0.0)).sparse;
    const std::string_view second = hash_bytes("a") >> 32U < hash_bytes("c") >> 32U ? "a" : "c";
    REQUIRE(sparse.size() == 2);
    CHECK(sparse[0].index == index("b"));
    CHECK(sparse[0].value == 0.4F);  // of the five events
    CHECK(sparse[1].index == index(second));
    CHECK(sparse[1].value == 0.2F);
    auto share = one_tally(top_share(2, &Payment::channel), kind);
    CHECK(is_nan(share(tally_event(1000, 0.0)).dense[0]));
    share.observe(tally_event(1000, 0.0));
    CHECK(share(tally_event(1080, 0.0)).dense[0] == 1.0F);
  }
}

TEST_CASE("In a tile of more than 256 values, counts are too small by at most 1/257 of its events, and the frequent stay",
          "[transform][windows][property][simulation]") {
  const auto seed = GENERATE(range(1U, 7U));
  constexpr std::size_t k = 8;
  auto pipeline = one_tally(top_k(k, &Payment::merchant), sawtooth(150s), 6000s);
  Rng rng(seed);
  std::vector<std::string> shops;
  for (int i = 0; i < 3000; ++i) shops.push_back("shop " + to_text(i));
  std::map<std::string_view, std::size_t> times;
  constexpr std::size_t events = 20'000;
  const auto step = seed % 2 == 0 ? 150 : 2;  // many instants of few values, or few of many
  for (std::size_t i = 0; i < events; ++i) {
    const std::string& shop = shops[rng.below(3) == 0 ? rng.below(20) : rng.below(shops.size())];
    pipeline.observe(tally_event(6000 + static_cast<std::int64_t>(i * 6000 / events) / step * step, 0.0, shop));
    ++times[shop];
  }
  std::map<std::uint32_t, std::size_t> by_index;
  std::vector<std::size_t> sorted;
  for (const auto& [shop, count] : times) {
    by_index[static_cast<std::uint32_t>(hash_combine(hash_bytes("w"), hash_bytes(shop) >> 32U) >> 32U)] = count;
    sorted.push_back(count);
  }
  std::sort(sorted.rbegin(), sorted.rend());
  const auto sparse = pipeline(tally_event(12'001, 0.0)).sparse;
  REQUIRE(sparse.size() == k);
  for (std::size_t i = 0; i < k; ++i) {
    const auto found = static_cast<std::size_t>(std::lround(static_cast<double>(sparse[i].value) * events));
    const std::size_t truth = by_index.at(sparse[i].index);
    CHECK(found <= truth);
    CHECK(found + events / 257 >= truth);
    CHECK(truth + events / 257 >= sorted[i]);
  }
  auto restored = one_tally(top_k(k, &Payment::merchant), sawtooth(150s), 6000s);
  load(restored, save(pipeline));
  CHECK(save(restored) == save(pipeline));
  for (int i = 0; i < 600; ++i) {
    const Payment payment = tally_event(11'000 + 2 * i, 0.0, shops[rng.below(shops.size())]);
    REQUIRE(served_of(restored(payment)) == served_of(pipeline(payment)));
    restored.observe(payment);
    pipeline.observe(payment);
  }
  CHECK(save(restored) == save(pipeline));
}

TEST_CASE("Of two tiles with more than 256 values together, all lose what the 257th has, and one that comes late can become the first",
          "[transform][windows][merge]") {
  const auto set = one_tally(top_k(2, &Payment::merchant), sawtooth(600s)).feature_set();
  std::vector<std::string> shops;
  for (int i = 0; i < 512; ++i) shops.push_back("shop " + to_text(i));
  std::vector<EntityWindows> parts(2, set.make_windows());
  std::size_t events = 0;
  for (std::size_t i = 0; i < shops.size(); ++i)
    for (std::size_t n = 0; n < i / 2 + 1; ++n, ++events)
      set.feed(tally_event(1000 + static_cast<std::int64_t>(i % 2), 0.0, shops[i]), parts[i % 2]);  // 1, 1, 2, 2, ... 256, 256 times
  parts[0].merge(parts[1]);
  set.feed(tally_event(1002, 0.0, ""), parts[0]);  // the instant before enters its tile
  const Fitted fitted = set.make_fitted();
  std::vector<SparseFeature> sparse(2);
  FeatureOutput out{{}, sparse, {}};
  set.compute(tally_event(1100, 0.0), fitted, parts[0], out);
  REQUIRE(out.nnz == 2);
  for (const SparseFeature& each : sparse) CHECK(each.value == static_cast<float>(128.0 / static_cast<double>(events + 1)));

  auto pipeline = one_tally(top_k(2, &Payment::merchant), sawtooth(600s));
  for (int i = 0; i < 256; ++i)
    for (int n = 0; n < 2; ++n) pipeline.observe(tally_event(1200 + i, 0.0, shops[static_cast<std::size_t>(i)]));
  for (int i = 0; i < 100; ++i) pipeline.observe(tally_event(1500 + i, 0.0, "late"));
  const auto found = pipeline(tally_event(1700, 0.0)).sparse;
  REQUIRE(found.size() == 1);
  CHECK(found[0].index == static_cast<std::uint32_t>(hash_combine(hash_bytes("w"), hash_bytes("late") >> 32U) >> 32U));
  CHECK(found[0].value == static_cast<float>(98.0 / 612.0));
}

TEST_CASE("The most frequent of more values than are counted at once are each found once, in ranges of their hashes",
          "[transform][windows]") {
  constexpr std::uint64_t keys = 2048;
  const auto often = [](std::uint64_t i) { return i % 128 == 0 ? 200 : i % 100; };
  std::vector<detail::TopValue> best(64);
  detail::TopValues().find(best, [&](const auto& use) {
    for (std::uint64_t i = 0; i < keys; ++i)  // at the ends of ranges
      for (const std::uint64_t times : {often(i), std::uint64_t{1}}) use(static_cast<std::uint32_t>(i << 21U), times + 1);
  });
  std::vector<std::pair<std::uint64_t, std::uint32_t>> all;
  for (std::uint64_t i = 0; i < keys; ++i) all.emplace_back(1000 - (often(i) + 3), static_cast<std::uint32_t>(i << 21U));
  std::sort(all.begin(), all.end());
  for (std::size_t i = 0; i < best.size(); ++i) {
    CHECK(best[i].times == 1000 - all[i].first);
    CHECK(best[i].key == all[i].second);
  }
}

TEST_CASE("Partitions with tallies merged are one that was fed with everything", "[transform][windows][merge]") {
  const auto seed = GENERATE(range(1U, 5U));
  const EntityWindows::Options options{.max_events_per_entity = 1U << 16U, .lateness = hours(1)};
  const auto set = tally_set();
  std::vector<EntityWindows> parts(3, set.with(options).make_windows());
  PlainLog log(hours(1));
  const auto stream = seed % 2 == 0 ? payments(seed, 1500, 300) : spread_stream(seed, 3000, 300);
  for (const Payment& payment : stream) {
    set.feed(payment, parts[hash_integer(static_cast<std::uint64_t>(to_unix_micros(payment.at))) % 3]);
    log.feed(payment);
  }
  parts[2].merge(parts[0]);
  parts[2].merge(parts[1]);
  std::size_t wrong = 0;
  const Fitted fitted = set.make_fitted();
  std::vector<float> dense(set.dense_size());
  std::vector<SparseFeature> sparse(set.sparse_capacity());
  FeatureOutput out{dense, sparse, {}};
  for (std::uint64_t card = 0; card < 5; ++card)
    for (int later = 0; later < 700; later += 23) {
      Payment probe = stream.back();
      probe.card = card;
      probe.at += seconds(later - 100);
      set.compute(probe, fitted, parts[2], out);
      wrong += served_of(out.features()) != plain_tallies(log, probe);
    }
  CHECK(wrong == 0);
}

TEST_CASE("Tallies saved, restored and continued are what goes on, bit for bit, at the bounds too; and so is a copy",
          "[transform][windows][archive]") {
  const auto seed = GENERATE(range(1U, 5U));
  const EntityWindows::Options options{.max_events_per_entity = seed % 2 == 0 ? 50U : 8192U, .lateness = 200s, .shards = 4};
  FeaturePipeline<Payment> pipeline(tally_set().with(options));
  auto stream = payments(seed, 1500, 150);
  const auto more = spread_stream(seed, 4000, 300);
  stream.insert(stream.begin(), more.begin(), more.end());
  for (std::size_t i = 0; i < 3000; ++i) pipeline.observe(stream[i]);
  FeaturePipeline<Payment> restored(tally_set().with(options));
  load(restored, save(pipeline));
  CHECK(save(restored) == save(pipeline));
  FeaturePipeline<Payment> copy = pipeline;
  std::size_t wrong = 0;
  for (std::size_t i = 3000; i < stream.size(); ++i) {
    const bool look = i % 7 == 0;
    if (look) {
      const Served expected = served_of(pipeline(stream[i]));
      wrong += served_of(restored(stream[i])) != expected;
      wrong += served_of(copy(stream[i])) != expected;
    }
    for (auto* each : {&pipeline, &restored, &copy}) each->observe(stream[i]);
  }
  CHECK(wrong == 0);
  CHECK(save(restored) == save(pipeline));
  CHECK(save(copy) == save(pipeline));
  CHECK((pipeline.windows().counters().truncated > 0) == (seed % 2 == 0));
}

TEST_CASE("After warm-up windows with tallies allocate nothing", "[transform][windows]") {
  FeaturePipeline<Payment> pipeline(tally_set().with({.max_entities = 32, .max_events_per_entity = 100, .lateness = 100s, .shards = 1}));
  auto stream = spread_stream(1, 20'000, 90);
  for (std::size_t i = 0; i < stream.size(); ++i) stream[i].card = i % 3 == 0 ? i % 47 : 1;  // entities come and go
  for (std::size_t i = 0; i < 14'000; ++i) pipeline.observe(stream[i]);
  const std::size_t bytes = pipeline.windows().memory_bytes();
  const rtml::testing::AllocationCounter counter;
  for (std::size_t i = 14'000; i < stream.size(); ++i) {
    static_cast<void>(pipeline(stream[i]));
    pipeline.observe(stream[i]);
  }
  const auto allocations = counter.count();
  CHECK(allocations == 0);
  CHECK(pipeline.windows().memory_bytes() == bytes);
  CHECK(pipeline.windows().counters().evicted > 0);
}

TEST_CASE("A set that gained quantiles and top values goes on with what the old one has", "[transform][windows][archive]") {
  const auto amount = field("amount", &Payment::amount);
  const auto tiles = sawtooth(60s);
  FeaturePipeline<Payment> old(feature_set<Payment>("s", &Payment::at, window("a", &Payment::card, 1h, sum(amount)),
                                                    window("b", &Payment::card, 1h, sum(amount), tiles),
                                                    window("c", &Payment::card, 1h, distinct(&Payment::merchant))));
  old.observe(tally_event(120, 5.0));
  old.observe(tally_event(180, 7.0));
  FeaturePipeline<Payment> wider(feature_set<Payment>(
      "s", &Payment::at, window("a", &Payment::card, 1h, sum(amount)), window("b", &Payment::card, 1h, sum(amount), tiles),
      window("c", &Payment::card, 1h, distinct(&Payment::merchant)), window("q", &Payment::card, 1h, quantile(0.5, amount)),
      window("tile q", &Payment::card, 1h, quantile(0.5, amount), tiles), window("t", &Payment::card, 1h, top_share(1, &Payment::merchant)),
      window("tile t", &Payment::card, 1h, top_k(1, &Payment::merchant), tiles)));
  auto windows = wider.windows();
  load(windows, save(old.windows()));
  std::vector<float> dense(wider.feature_set().dense_size());
  std::vector<SparseFeature> sparse(1);
  FeatureOutput out{dense, sparse, {}};
  wider.feature_set().compute(tally_event(240, 0.0), wider.fitted(), windows, out);
  CHECK(dense[3] == 5.0F);  // from the events that were kept
  CHECK(is_nan(dense[4]));  // tiles keep nothing that was not asked for
  CHECK(dense[5] == 1.0F);
  CHECK(out.nnz == 0);
  wider.feature_set().feed(tally_event(240, 3.0), windows);
  wider.feature_set().compute(tally_event(300, 0.0), wider.fitted(), windows, out);
  CHECK(dense[4] == 3.0F);
  REQUIRE(out.nnz == 1);
  CHECK(sparse[0].value == static_cast<float>(1.0 / 3.0));
  auto refused = old.windows();
  CHECK_THROWS_AS(load(refused, save(windows)), FormatError);
}

TEST_CASE("Windows with tallies keep the laws of archives, and what they read of damaged bytes they survive",
          "[transform][windows][archive]") {
  const EntityWindows::Options options{.max_entities = 20, .max_events_per_entity = 40, .shards = 1};
  std::vector<AnyFeature<Payment>> features;
  for (const WindowKind kind : {exact(), sawtooth(600s)}) {
    const std::string by = to_text(features.size());
    features.push_back(window("q" + by, &Payment::card, 1200s, quantile(0.9, &Payment::amount), kind));
    features.push_back(window("t" + by, &Payment::card, 1200s, top_k(2, &Payment::merchant), kind));
  }
  FeaturePipeline<Payment> pipeline(feature_set_from<Payment>("damaged", &Payment::at, features).with(options));
  for (const Payment& payment : payments(3, 20, 30)) pipeline.observe(payment);
  for (const Payment& payment : spread_stream(3, 1200, 30)) pipeline.observe(payment);  // more than 256 values in a tile
  const auto set = pipeline.feature_set();
  const auto probes = payments(4, 6, 20);
  std::vector<float> dense(set.dense_size());
  std::vector<SparseFeature> sparse(set.sparse_capacity());
  FeatureOutput out{dense, sparse, {}};
  rtml::testing::check_archive(pipeline.windows(), set.with(options).make_windows(), [&](EntityWindows& read) {
    for (const Payment& payment : probes) {
      set.compute(payment, pipeline.fitted(), read, out);
      if (!is_usable(out.features())) throw Error("a window that makes an example unusable");
      set.feed(payment, read);
    }
    static_cast<void>(save(read));
  });
}

TEST_CASE("Windows refuse tallies that no stream can have led to", "[transform][windows][archive]") {
  auto pipeline = one_tally(quantile(0.5, &Payment::amount), sawtooth(60s));
  for (const double amount : {3.0, 5.0, 5.0}) pipeline.observe(tally_event(100, amount));
  const auto bytes = save(pipeline.windows());
  // They end with the words of the entity: how many they are, the events, level << 32 | entries, and the entries.
  const auto ends_with = [&](const std::vector<std::uint64_t>& words) {
    auto changed = bytes;
    changed.resize(bytes.size() - 5 * sizeof(std::uint64_t));
    for (std::size_t i = 0; i <= words.size(); ++i) {
      const std::uint64_t word = i == 0 ? words.size() : words[i - 1];
      const auto raw = std::as_bytes(std::span(&word, 1));
      changed.insert(changed.end(), raw.begin(), raw.end());
    }
    return changed;
  };
  const auto refused = [&](const std::vector<std::uint64_t>& words) {
    auto restored = pipeline.windows();
    CHECK_THROWS_AS(load(restored, ends_with(words)), FormatError);
    CHECK(save(restored) == bytes);
  };
  const std::uint64_t three = detail::tally_entry(detail::quantile_key(3.0));
  const std::uint64_t five = detail::tally_entry(detail::quantile_key(5.0), 2);
  REQUIRE(ends_with({3, 2, three, five}) == bytes);
  refused({3, 3, three, five});                                          // more entries than there are
  refused({3, 2, five, three});                                          // out of order
  refused({3, 2, three, three});                                         // twice
  refused({2, 2, three, five});                                          // more values than events
  refused({3, 2, three, five - 1});                                      // not an entry
  refused({3, 2, three, detail::tally_entry(detail::key_of(five), 0)});  // never
  refused({3, 2, three, detail::tally_entry(0xff800000U)});              // infinity
  refused({3, 1ULL << 32U | 2, detail::tally_entry(detail::key_of(three) >> 1U),
           detail::tally_entry(detail::key_of(five) >> 1U, 2)});  // coarse, of two values
  std::vector<std::uint64_t> many = {1000, 257};
  for (std::uint32_t i = 0; i < 257; ++i) many.push_back(detail::tally_entry(detail::quantile_key(1.0) + i));
  refused(many);
  many = {1000, 25ULL << 32U | 128};
  for (std::uint32_t i = 0; i < 128; ++i) many.push_back(detail::tally_entry(i));
  refused(many);
}

TEST_CASE("A quantile or top that is none is refused by name, and each is part of what a window is", "[transform][windows][config]") {
  CHECK_THROWS_WITH(quantile(-0.1, &Payment::amount), "quantile: q is -0.1, must be in [0, 1]");
  CHECK_THROWS_WITH(quantile(1.1, &Payment::amount), "quantile: q is 1.1, must be in [0, 1]");
  CHECK_THROWS_AS(quantile(rtml::testing::nan, &Payment::amount), ConfigError);
  CHECK_THROWS_WITH(top_k(0, &Payment::merchant), "top_k: k is 0, must be in [1, 64]");
  CHECK_THROWS_WITH(top_share(65, &Payment::merchant), "top_share: k is 65, must be in [1, 64]");
  const std::uint64_t prints[] = {one_tally(quantile(0.5, &Payment::amount), exact()).schema().fingerprint(),
                                  one_tally(quantile(0.6, &Payment::amount), exact()).schema().fingerprint(),
                                  one_tally(quantile(0.5, &Payment::amount), sawtooth(60s)).schema().fingerprint(),
                                  one_tally(top_k(1, &Payment::merchant), exact()).schema().fingerprint(),
                                  one_tally(top_k(2, &Payment::merchant), exact()).schema().fingerprint(),
                                  one_tally(top_share(1, &Payment::merchant), exact()).schema().fingerprint()};
  for (const std::uint64_t& print : prints) CHECK(std::count(std::begin(prints), std::end(prints), print) == 1);
}
