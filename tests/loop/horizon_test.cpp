#include <cmath>
#include <string>
#include <vector>

#include "rtml/learn/make_learner.hpp"
#include "rtml/loop.hpp"
#include "rtml/monitor/render.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using namespace std::chrono_literals;
using rtml::LogisticRegression;
using rtml::Loop;
using rtml::LoopOptions;

namespace {

constexpr std::size_t horizon = 100;  // seconds, and rows of trades()

LoopOptions after_horizon() {
  LoopOptions options;
  options.negative_after = std::chrono::seconds(horizon);
  return options;
}

rtml::FeatureSet<Trade> one_feature() { return rtml::feature_set<Trade>("one-v1", &Trade::at, rtml::numeric("spread", &Trade::spread)); }

/// Positives come as labels: when they are known, as rows after theirs; 0 = never. Negatives do not come.
std::vector<float> run_positives(Loop<Trade>& loop, const std::vector<Trade>& rows, const std::vector<std::size_t>& delays,
                                 std::size_t from, std::size_t to) {
  std::vector<float> scores;
  for (std::size_t i = from; i < to; ++i) {
    scores.push_back(loop.predict(i, rows[i]).score);
    for (std::size_t row = i > 400 ? i - 400 : 0; row < i; ++row)
      if (delays[row] != 0 && row + delays[row] == i) loop.label(row, 1.0F);
    loop.work();
  }
  return scores;
}

}  // namespace

TEST_CASE("What has no label within the horizon is learned as a negative then, and not before", "[loop][horizon]") {
  const auto rows = trades(1000);
  Loop<Trade> assumed(trade_features(), LogisticRegression{}, after_horizon());
  Loop<Trade> told(trade_features(), LogisticRegression{});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool positive = rows[i].good == 1.0F && i % 3 == 0;
    REQUIRE(assumed.predict(i, rows[i]).score == told.predict(i, rows[i]).score);
    if (positive) {
      assumed.label(i, 1.0F);
      told.label(i, 1.0F);
    }
    const bool matures = i >= horizon && !(rows[i - horizon].good == 1.0F && (i - horizon) % 3 == 0);
    if (matures) told.label(i - horizon, 0.0F);
    assumed.work();
    told.work();
    REQUIRE(assumed.counters().negatives + assumed.counters().labels == told.counters().labels);
  }
  CHECK(assumed.counters().negatives > 500);
  CHECK(assumed.counters().corrected == 0);
  CHECK(rtml::save(assumed.model()) == rtml::save(told.model()));
  CHECK(assumed.metrics() == told.metrics());
  CHECK(assumed.label_coverage().labelled() == told.label_coverage().labelled());
  CHECK(assumed.label_coverage().delay(0.9) == Approx(0.0));  // of those that had a label
}

TEST_CASE("A positive after its negative was learned takes the negative back, and counts once", "[loop][horizon]") {
  // At a constant rate the intercept moves by the rate for a positive and its negative taken back, whatever the score.
  Loop<Trade> loop(one_feature(), rtml::make_learner("logistic:optimizer=sgd,rate=0.01", rtml::Task::binary), after_horizon());
  auto rows = trades(horizon + 2);
  for (std::size_t i = 0; i < rows.size(); ++i) loop.predict(i, rows[i]);
  loop.work();
  REQUIRE(loop.counters().negatives == 2);

  const auto intercept_now = [&] {
    Trade trade = rows.back();
    trade.spread = 0.0;
    const double p = static_cast<double>(loop.score(trade).score);
    return std::log(p / (1.0 - p));
  };
  const double intercept = intercept_now();
  loop.label(0, 1.0F);
  loop.work();
  CHECK(intercept_now() - intercept == Approx(0.01).epsilon(0.02));
  CHECK(loop.counters().corrected == 1);
  CHECK(loop.counters().labels == 1);

  loop.label(0, 1.0F);  // again
  loop.label(1, 0.0F);  // what it was taken for
  loop.work();
  CHECK(loop.counters().corrected == 1);
  CHECK(loop.counters().labels == 1);
  CHECK(loop.counters().labels_repeated == 2);
  CHECK(intercept_now() - intercept == Approx(0.01).epsilon(0.02));

  loop.label(2, 1.0F);  // within the horizon
  loop.work();
  CHECK(loop.counters().corrected == 1);
  CHECK(loop.counters().labels == 2);
  const std::string page = rtml::monitor::to_prometheus(loop.report());
  CHECK(page.find("rtml_negatives_total 2") != std::string::npos);
  CHECK(page.find("rtml_corrected_total 1") != std::string::npos);
}

TEST_CASE("A late positive of any weight is learned, and its negative, which had weight 1, taken back", "[loop][horizon]") {
  const float weight = GENERATE(0.25F, 1.0F, 4.0F);
  CAPTURE(weight);
  Loop<Trade> loop(one_feature(), rtml::make_learner("logistic:optimizer=sgd,rate=0.001", rtml::Task::binary), after_horizon());
  auto rows = trades(horizon + 2);
  for (std::size_t i = 0; i < rows.size(); ++i) loop.predict(i, rows[i]);
  loop.work();
  Trade middle = rows.back();
  middle.spread = 0.0;
  const auto score = [&] { return static_cast<double>(loop.score(middle).score); };
  const double p = score();
  loop.label(0, 1.0F, weight);
  loop.work();
  REQUIRE(loop.counters().corrected == 1);
  const double moved = std::log(score() / (1.0 - score())) - std::log(p / (1.0 - p));
  CHECK(moved == Approx(0.001 * (static_cast<double>(weight) * (1.0 - p) + p)).epsilon(0.03));
}

TEST_CASE("A history that has let late positives go lasts, and one whose horizon was switched off takes them", "[loop][horizon][state]") {
  const auto rows = trades(1500);
  std::vector<std::size_t> delays(rows.size());
  for (std::size_t i = 0; i < 500; i += 3) delays[i] = horizon + 1 + i % 200;  // and none later
  LoopOptions options = after_horizon();
  options.history = 300;
  options.retrain = {.when = rtml::every(400), .start = rtml::Start::warm, .on = rtml::Data::since_last()};
  Loop<Trade> whole(trade_features(), LogisticRegression{}, options);
  run_positives(whole, rows, delays, 0, rows.size());
  REQUIRE(whole.counters().corrected > 100);

  const TemporaryFolder folder;
  options.state = folder.path();
  options.checkpoint_every = 50;
  for (const std::size_t killed_at : {620u, 760u, 900u, 1100u, 1500u}) {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
    run_positives(loop, rows, delays, loop.resume_offset(), killed_at);
    if (killed_at == rows.size()) CHECK(rtml::save(loop.model()) == rtml::save(whole.model()));
  }

  options.negative_after = rtml::Duration{0};
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  const std::uint64_t corrected = loop.counters().corrected;
  const std::size_t kept = loop.counters().events - 200;  // was learned as a negative
  loop.label(kept, 1.0F);
  loop.work();
  CHECK(loop.counters().corrected == corrected + 1);
  CHECK(loop.counters().retrainings == whole.counters().retrainings);
  run(loop, rows, 1400, 1500);  // nothing: ids that are known
  CHECK(loop.counters().events == 1500);
}

TEST_CASE("With corrections a model is calibrated though half of its positives come after the horizon", "[loop][horizon][simulation]") {
  // 30 % positives, half of them late: without corrections a model comes to 15 %, with plain positives beside their negatives to 26 %.
  const auto rows = trades(20'000);
  std::vector<std::size_t> delays(rows.size());
  rtml::Rng rng(7);
  for (std::size_t& delay : delays)
    if (rng.uniform() < 0.3) delay = 1 + rng.below(2 * horizon);
  const auto mean_score = [&](Loop<Trade>& loop) {
    const auto scores = run_positives(loop, rows, delays, 0, rows.size());
    double sum = 0.0;
    for (std::size_t i = rows.size() / 2; i < rows.size(); ++i) sum += static_cast<double>(scores[i]);
    return sum / (static_cast<double>(rows.size()) / 2.0);
  };
  for (const char* learner : {"logistic", "naive_bayes"}) {
    CAPTURE(learner);
    Loop<Trade> loop(one_feature(), rtml::make_learner(learner, rtml::Task::binary), after_horizon());
    CHECK(mean_score(loop) == Approx(0.3).margin(0.02));
    CHECK(loop.counters().corrected == Approx(3000).margin(200));
    CHECK(loop.counters().negatives + loop.counters().labels - loop.counters().corrected == Approx(20'000).margin(100));
  }
  LoopOptions late_refused = after_horizon();
  late_refused.label_ttl = late_refused.negative_after;
  Loop<Trade> loop(one_feature(), LogisticRegression{}, late_refused);
  CHECK(mean_score(loop) == Approx(0.15).margin(0.02));
  CHECK(loop.counters().labels_expired == Approx(3000).margin(200));
}

TEST_CASE("A model that is retrained from history finds the corrections there", "[loop][horizon]") {
  const auto rows = trades(3000);
  std::vector<std::size_t> delays(rows.size());
  rtml::Rng rng(7);
  for (std::size_t& delay : delays)
    if (rng.uniform() < 0.4) delay = horizon + 1;  // all of them late
  LoopOptions options = after_horizon();
  options.retrain = {.when = rtml::every(2500), .start = rtml::Start::fresh, .on = rtml::Data::recent(std::size_t{2000}), .online = false};
  Loop<Trade> loop(one_feature(), LogisticRegression{}, options);
  run_positives(loop, rows, delays, 0, rows.size());
  REQUIRE(loop.counters().retrainings == 1);
  double sum = 0.0;
  for (const Trade& row : rows) sum += static_cast<double>(loop.score(row).score);
  CHECK(sum / 3000.0 == Approx(0.4).margin(0.04));  // beside a negative each, positives would come to 0.29
}

TEST_CASE("Late positives are learned where models learn by retraining alone, by margins, and while one is trained apart",
          "[loop][horizon]") {
  // 40 % positives, all of them late.
  const auto rows = trades(6000);
  std::vector<std::size_t> delays(rows.size());
  rtml::Rng rng(7);
  for (std::size_t& delay : delays)
    if (rng.uniform() < 0.4) delay = horizon + 1 + rng.below(200);
  LoopOptions options = after_horizon();
  options.retrain = {.when = rtml::every(500), .start = rtml::Start::warm, .on = rtml::Data::since_last(), .online = false};
  const auto mean_score = [&](Loop<Trade>& loop) {
    double sum = 0.0;
    for (const Trade& row : rows) sum += static_cast<double>(loop.score(row).score);
    return sum / static_cast<double>(rows.size());
  };
  SECTION("a stateful cadence") {
    Loop<Trade> loop(one_feature(), LogisticRegression{}, options);
    run_positives(loop, rows, delays, 0, rows.size());
    CHECK(mean_score(loop) == Approx(0.4).margin(0.05));  // beside a negative each, positives would come to 0.29
  }
  SECTION("a stateful cadence apart, that falls behind") {
    options.train_apart = true;
    Loop<Trade> loop(one_feature(), LogisticRegression{}, options);
    for (std::size_t i = 0; i < rows.size(); i += 300) {
      run_positives(loop, rows, delays, i, i + 300);
      loop.train();
    }
    CHECK(mean_score(loop) == Approx(0.4).margin(0.05));
  }
  SECTION("margins") {
    for (std::size_t i = 0; i < rows.size(); ++i) delays[i] = rows[i].good == 1.0F ? horizon + 1 + rng.below(200) : 0;
    options.retrain = {};
    Loop<Trade> loop(one_feature(), rtml::make_learner("logistic:loss=hinge", rtml::Task::binary), options);
    run_positives(loop, rows, delays, 0, rows.size());
    std::size_t right = 0;
    for (const Trade& row : rows) right += loop.score(row).label == row.good ? 1U : 0U;
    CHECK(static_cast<double>(right) / static_cast<double>(rows.size()) > 0.7);  // never a positive: 0.5
  }
}

TEST_CASE("A correction that comes while a model is trained apart moves it as one that is trained within", "[loop][horizon]") {
  const auto rows = trades(1400, 4);
  const auto run_it = [&](bool apart) {
    LoopOptions options = after_horizon();
    options.publish_every = 1;
    options.train_apart = apart;
    options.retrain = {.when = rtml::every(1000), .start = rtml::Start::warm, .on = rtml::Data::since_last(), .min_samples = 1};
    Loop<Trade> loop(one_feature(), LogisticRegression{}, options);
    for (std::size_t i = 0; i < 1300; ++i) {
      loop.predict(i, rows[i]);
      if (i == 1200) loop.label(500, 1.0F);  // a thousand negatives were learned at row 1099
      loop.work();
    }
    while (loop.train()) {
    }
    REQUIRE(loop.counters().corrected == 1);
    REQUIRE(loop.counters().retrainings == 1);
    return loop.score(rows[0]).score;
  };
  CHECK(run_it(true) == run_it(false));
}

TEST_CASE("Past windows of performance say what was true after all", "[loop][horizon]") {
  auto rows = trades(3000);
  LoopOptions options = after_horizon();
  options.estimate.window = 500;
  Loop<Trade> loop(one_feature(), LogisticRegression{}, options);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    loop.predict(i, rows[i]);
    loop.work();
  }
  const auto accuracy_before = loop.estimated_performance().windows().at(3).realised.accuracy.value;
  CHECK(accuracy_before == 1.0);
  for (std::size_t i = 1000; i < 2500; ++i) loop.label(i, 1.0F);
  loop.work();
  CHECK(loop.counters().corrected == 1500);
  CHECK(loop.estimated_performance().windows().at(3).labelled == 500);
  CHECK(loop.estimated_performance().windows().at(3).realised.accuracy.value == 0.0);
}

TEST_CASE("Negatives and corrections go on after a restart as if there had been none, bit for bit", "[loop][horizon][state]") {
  const auto rows = trades(1500);
  std::vector<std::size_t> delays(rows.size());
  rtml::Rng rng(3);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].good == 1.0F && rng.uniform() < 0.7) delays[i] = 1 + rng.below(3 * horizon);
  Loop<Trade> whole(trade_features(), LogisticRegression{}, after_horizon());
  const auto expected = run_positives(whole, rows, delays, 0, rows.size());
  REQUIRE(whole.counters().corrected > 100);

  const TemporaryFolder folder;
  LoopOptions options = after_horizon();
  options.state = folder.path();
  options.checkpoint_every = 70;
  std::vector<float> scores(rows.size());
  for (const std::size_t killed_at : {40u, 133u, 350u, 777u, 1500u}) {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
    const std::uint64_t from = loop.resume_offset();
    const auto some = run_positives(loop, rows, delays, from, killed_at);
    std::copy(some.begin(), some.end(), scores.begin() + static_cast<std::ptrdiff_t>(from));
    if (killed_at != rows.size()) continue;
    CHECK(rtml::save(loop.model()) == rtml::save(whole.model()));
    CHECK(loop.counters().negatives == whole.counters().negatives);
    CHECK(loop.counters().corrected == whole.counters().corrected);
    CHECK(loop.metrics() == whole.metrics());
  }
  CHECK(scores == expected);
}

TEST_CASE("A prediction that makes room before its horizon is counted, and is no negative", "[loop][horizon]") {
  const auto rows = trades(500);
  LoopOptions options = after_horizon();
  options.pending = 64;
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    loop.predict(i, rows[i]);
    loop.work();
  }
  CHECK(loop.counters().negatives == 0);
  CHECK(loop.counters().evicted == 500 - 64);

  options.pending = 128;
  Loop<Trade> roomy(trade_features(), LogisticRegression{}, options);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    roomy.predict(i, rows[i]);
    roomy.work();
  }
  CHECK(roomy.counters().negatives == 500 - horizon);
  CHECK(roomy.counters().evicted == 0);
}

TEST_CASE("A horizon is for binary labels, and not negative", "[loop][horizon][config]") {
  LoopOptions options;
  options.negative_after = -1s;
  CHECK_THROWS_WITH(Loop<Trade>(trade_features(), LogisticRegression{}, options),
                    "LoopOptions: negative_after is -1000000, must be in [0, 36500 days]");
  CHECK_THROWS_WITH(Loop<Trade>(trade_features(), rtml::make_learner("linear", rtml::Task::regression), after_horizon()),
                    "LoopOptions: negative_after is \"regression\", must be used with a binary task alone");
}
