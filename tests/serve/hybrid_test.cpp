#include "rtml/serve/hybrid.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

using Ranker = Hybrid<LinearRegression>;

LinearRegression ranker_of(std::size_t columns) {
  std::vector<Column> all{{.name = "base"}};
  for (std::size_t i = 1; i < columns; ++i) all.push_back({.name = "x" + std::to_string(i)});
  LinearRegression model;
  model.bind(Schema(std::move(all)));
  return model;
}

Time hour(int h) { return from_unix_seconds(1'700'000'000 + 3600 * static_cast<std::int64_t>(h)); }

}  // namespace

TEST_CASE("Scores are found by any key, the newest of each", "[serve]") {
  std::vector<PrecomputedScore> scores;
  Rng rng(1);
  for (std::uint64_t i = 0; i < 5000; ++i) scores.push_back({i % 3 == 0 ? i : hash_integer(i), static_cast<float>(i), hour(1)});
  scores.push_back({0, -1.0F, hour(0)});
  scores.push_back({3, -2.0F, hour(2)});
  scores.push_back({6, std::numeric_limits<float>::infinity(), hour(3)});
  scores.push_back({~std::uint64_t{0}, 7.0F, hour(1)});
  const ScoreTable table(scores);
  CHECK(table.size() == 5001);
  CHECK(table.refused() == 1);
  bool all = true;
  for (std::uint64_t i = 6; i < 5000; ++i) all = all && table.find(i % 3 == 0 ? i : hash_integer(i)).score == static_cast<float>(i);
  CHECK(all);
  CHECK(table.find(0).score == 0.0F);  // the older one came later
  CHECK(table.find(3).score == -2.0F);
  CHECK(table.find(~std::uint64_t{0}).present);
  CHECK_FALSE(table.find(1).present);
  CHECK_FALSE(ScoreTable().find(0).present);
  CHECK_FALSE(ScoreTable(std::span<const PrecomputedScore>()).find(0).present);
}

TEST_CASE("Before anything was learned a correction serves the base scores; stale and missing ones as configured, and counted", "[serve]") {
  Ranker model(ranker_of(2),
               {.max_age = hours(10), .missing = Ranker::Fallback::prior, .stale = Ranker::Fallback::reranker, .prior = 0.25F});
  const std::vector<PrecomputedScore> scores{{1, 0.5F, hour(0)}, {2, 0.75F, hour(5)}};
  CHECK(model.load(scores) == 2);
  std::array<float, 2> x{9.0F, 1.0F};
  auto answer = model.predict(1, hour(10), x);
  CHECK(answer.score == 0.5F);
  CHECK(answer.base == Ranker::Base::fresh);
  CHECK(x[0] == 0.5F);
  answer = model.predict(1, hour(11), x);
  CHECK(answer.base == Ranker::Base::stale);
  CHECK(is_nan(x[0]));
  CHECK(answer.score == 0.25F);
  answer = model.predict(2, hour(11), x);
  CHECK(answer.score == 0.75F);
  answer = model.predict(3, hour(11), x);
  CHECK(answer.base == Ranker::Base::missing);
  CHECK(x[0] == 0.25F);
  CHECK(answer.score == 0.25F);
  CHECK(model.fresh() == 2);
  CHECK(model.stale() == 1);
  CHECK(model.missing() == 1);

  Ranker trusting(ranker_of(2), {.max_age = hours(10), .stale = Ranker::Fallback::as_it_is});
  trusting.load(scores);
  answer = trusting.predict(1, hour(1000), x);
  CHECK(answer.score == 0.5F);
  CHECK(answer.base == Ranker::Base::stale);
}

TEST_CASE("What is learned is the vector that was served, in both forms", "[serve]") {
  for (const auto form : {Ranker::Form::correction, Ranker::Form::feature}) {
    LinearRegression plain = ranker_of(2);
    Ranker model(plain, {.form = form, .missing = Ranker::Fallback::reranker, .prior = 0.1F, .snapshots = {.every = 1}});
    const std::vector<PrecomputedScore> scores{{1, 0.5F, hour(0)}};
    model.load(scores);
    bool same = true;
    for (int i = 0; i < 100; ++i) {
      std::array<float, 2> x{0.0F, static_cast<float>(i % 7)};
      const auto answer = model.predict(i % 3 == 0 ? 2 : 1, hour(1), x);
      const float base = i % 3 == 0 ? 0.1F : 0.5F;
      const float added = form == Ranker::Form::correction ? base : 0.0F;
      same = same && is_nan(x[0]) == (i % 3 == 0) && answer.score == added + plain.predict({x, {}});
      const float y = static_cast<float>(i % 5);
      same = same && model.learn(x, {}, y) == added + plain.learn({x, {}}, y - added);
    }
    CHECK(same);
    std::array<float, 2> x{0.5F, 1.0F};
    model.learn(x, {}, std::numeric_limits<float>::quiet_NaN());
    CHECK(model.reranker().learner().refused() == 1);
  }
}

TEST_CASE("Scores are swapped whole beside requests, which neither allocate nor wait", "[serve][threads]") {
  Ranker model(ranker_of(1));
  const auto job = [](float value) {
    std::vector<PrecomputedScore> scores;
    for (std::uint64_t key = 0; key < 64; ++key) scores.push_back({key, value, hour(0)});
    return scores;
  };
  model.load(job(1.0F));
  {
    std::array<float, 1> x{};
    static_cast<void>(model.predict(1, hour(1), x));
    const rtml::testing::AllocationCounter allocations;
    for (std::uint64_t key = 0; key < 200; ++key) static_cast<void>(model.predict(key, hour(1), x));
    const auto count = allocations.count();
    CHECK(count == 0);
  }
  std::atomic<bool> stop{false};
  std::atomic<int> faults{0};
  std::vector<std::thread> requests;
  for (int t = 0; t < 2; ++t)
    requests.emplace_back([&] {
      std::array<float, 1> x{};
      float newest = 0.0F;
      for (std::uint64_t i = 0; !stop.load() || i < 100; ++i) {
        const float score = model.predict(i % 64, hour(1), x).score;
        if (score < newest) ++faults;  // tables come in order, and none is half there
        newest = score;
      }
    });
  for (int version = 2; version <= 50; ++version) model.load(job(static_cast<float>(version)));
  stop = true;
  for (std::thread& thread : requests) thread.join();
  CHECK(faults == 0);
}

TEST_CASE("A score is stale or fresh whatever its time, and the time that is asked for", "[serve]") {
  Ranker model(ranker_of(1));
  model.load(std::vector<PrecomputedScore>{{1, 0.5F, Time::min()}, {2, 0.5F, Time::max()}});
  std::array<float, 1> x{};
  CHECK(model.predict(1, hour(1), x).base == Ranker::Base::stale);
  CHECK(model.predict(1, Time::max(), x).base == Ranker::Base::stale);
  CHECK(model.predict(1, Time::min(), x).base == Ranker::Base::fresh);
  CHECK(model.predict(2, Time::min(), x).base == Ranker::Base::fresh);
}

TEST_CASE("Loaded scores take no more memory for those that were there before", "[serve]") {
  Ranker model(ranker_of(1));
  std::vector<PrecomputedScore> scores(1000);
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i].key = i;
  model.load(scores);
  const std::size_t once = model.memory_bytes();
  model.load(scores);
  CHECK(model.memory_bytes() == once);
}

TEST_CASE("Hybrid refuses options that make no sense", "[serve][config]") {
  CHECK_THROWS_WITH(Ranker(ranker_of(1), {.missing = Ranker::Fallback::as_it_is}),
                    "Hybrid: missing is \"as_it_is\", must be reranker or prior");
  CHECK_THROWS_AS(Ranker(ranker_of(1), {.max_age = Duration::zero()}), ConfigError);
  CHECK_THROWS_AS(Ranker(ranker_of(1), {.prior = std::numeric_limits<float>::infinity()}), ConfigError);
}

// Sessions of a shop: nightly scores know what is popular, a session tells which category is looked for, and at half time popularity is
// reshuffled while the nightly job goes on as before. After the design of two-stage recommenders (candidates, then a session re-ranker).
TEST_CASE("A re-ranker with fresh features loses nothing before popularity is reshuffled, and wins after it", "[serve][simulation]") {
  constexpr std::size_t items = 60;
  constexpr std::size_t categories = 6;
  constexpr int sessions = 6000;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Rng rng(seed);
    std::vector<double> popularity(items);
    for (double& each : popularity) each = rng.normal();
    const auto click = [&](std::size_t item, std::size_t wanted) {
      return 1.0 / (1.0 + std::exp(3.0 - popularity[item] - (item % categories == wanted ? 1.5 : 0.0)));
    };
    std::vector<PrecomputedScore> nightly;
    for (std::size_t item = 0; item < items; ++item) {
      double mean = 0.0;
      for (std::size_t c = 0; c < categories; ++c) mean += click(item, c) / static_cast<double>(categories);
      nightly.push_back({item, static_cast<float>(mean), hour(0)});
    }
    Ranker model(ranker_of(4), {.max_age = hours(24 * 365), .snapshots = {.every = 50}});
    model.load(nightly);

    std::array<double, items> clicks{};
    std::array<double, items> views{};
    std::array<double, 2> by_hybrid{};
    std::array<double, 2> by_base{};
    for (int session = 0; session < sessions; ++session) {
      if (session == sessions / 2)
        for (std::size_t i = items - 1; i > 0; --i) std::swap(popularity[i], popularity[rng.below(i + 1)]);
      const std::size_t wanted = rng.below(categories);
      std::vector<std::array<float, 4>> vectors(items);
      std::vector<std::pair<float, std::size_t>> ranked(items);
      std::vector<std::pair<float, std::size_t>> nightly_only(items);
      for (std::size_t item = 0; item < items; ++item) {
        const float trend = static_cast<float>((clicks[item] + 20.0 * static_cast<double>(nightly[item].score)) / (views[item] + 20.0));
        const float match = item % categories == wanted ? 1.0F : 0.0F;
        vectors[item] = {0.0F, trend - nightly[item].score, match, match * trend};
        ranked[item] = {-model.predict(item, hour(1), vectors[item]).score, item};
        nightly_only[item] = {-nightly[item].score, item};
      }
      std::sort(ranked.begin(), ranked.end());
      std::sort(nightly_only.begin(), nightly_only.end());
      for (std::size_t place = 0; place < 5; ++place) {
        by_hybrid[session < sessions / 2 ? 0 : 1] += click(ranked[place].second, wanted);
        by_base[session < sessions / 2 ? 0 : 1] += click(nightly_only[place].second, wanted);
      }
      for (std::size_t place = 0; place < 6; ++place) {
        const std::size_t item = place < 5 ? ranked[place].second : ranked[5 + rng.below(items - 5)].second;  // one to explore
        const bool clicked = rng.uniform() < click(item, wanted);
        clicks[item] = 0.99 * clicks[item] + (clicked ? 1.0 : 0.0);
        views[item] = 0.99 * views[item] + 1.0;
        model.learn(vectors[item], {}, clicked ? 1.0F : 0.0F);
      }
    }
    CAPTURE(seed, by_hybrid[0] / by_base[0], by_hybrid[1] / by_base[1]);
    CHECK(by_hybrid[0] > by_base[0]);
    CHECK(by_hybrid[1] > 1.3 * by_base[1]);
  }
}
