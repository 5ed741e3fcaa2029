#include "rtml/loop.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "rtml/learn/softmax.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using rtml::AnyLearner;
using rtml::LogisticRegression;
using rtml::Loop;
using rtml::Prediction;

TEST_CASE("A loop that learns from its labels is right far more often than the majority", "[loop]") {
  const auto rows = trades(3000);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  run(loop, rows, 0, rows.size());
  CHECK(metric(loop, "accuracy") > 0.85);
  CHECK(loop.counters().events == 3000);
  CHECK(loop.counters().labels == 3000);
  CHECK(loop.counters().learned == 3000);
}

TEST_CASE("Before anything was learned a prediction is the learner's prior, of version 0", "[loop]") {
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  const Prediction prediction = loop.predict(0, trades(1)[0]);
  CHECK(prediction.score == 0.5F);
  CHECK(prediction.version == 0);
  CHECK(prediction.status == Prediction::Status::served);
}

TEST_CASE("An id that is asked again gets the same answer and feeds the windows once", "[loop]") {
  const auto rows = trades(500);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  Loop<Trade> twice(trade_features(), LogisticRegression{});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Prediction once = loop.predict(i, rows[i]);
    twice.predict(i, rows[i]);
    const Prediction again = twice.predict(i, rows[i]);
    REQUIRE(again.status == Prediction::Status::repeated);
    REQUIRE(again.score == once.score);
    REQUIRE(again.label == once.label);
    for (auto* each : {&loop, &twice}) {
      each->label(i, rows[i].good);
      each->work();
    }
  }
  CHECK(twice.counters().repeated == 500);
  CHECK(twice.counters().events == 500);
}

TEST_CASE("score() says what predict() would say and leaves no trace", "[loop]") {
  const auto rows = trades(400);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  run(loop, rows, 0, 300);
  for (std::size_t i = 300; i < 400; ++i) {
    const float scored = loop.score(rows[i]).score;
    REQUIRE(loop.score(rows[i]).score == scored);
    REQUIRE(loop.predict(i, rows[i]).score == scored);
  }
  loop.work();
  CHECK(loop.counters().events == 400);
}

TEST_CASE("A label counts once however often it comes", "[loop]") {
  const auto rows = trades(10);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  loop.predict(7, rows[0]);
  for (int i = 0; i < 3; ++i) CHECK(loop.label(7, 1.0F));
  loop.work();
  CHECK(loop.counters().labels == 1);
  CHECK(loop.counters().labels_repeated == 2);
  CHECK(loop.counters().learned == 1);
}

TEST_CASE("Labels that belong to nothing are counted by their reason and learned by nobody", "[loop]") {
  const auto rows = trades(300);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Loop<Trade> loop(trade_features(), LogisticRegression{}, {.pending = 64, .label_ttl = std::chrono::seconds(100)});
  for (std::size_t i = 0; i < rows.size(); ++i) loop.predict(i, rows[i]);
  loop.work();

  SECTION("an id that was never served") {
    CHECK(loop.label(1'000'000, 1.0F));
    loop.work();
    CHECK(loop.counters().labels_unknown == 1);
  }
  SECTION("an id that made room") {
    CHECK(loop.label(3, 1.0F));
    loop.work();
    CHECK(loop.counters().labels_unknown == 1);
    CHECK(loop.counters().evicted == 300 - 64);
  }
  SECTION("a label later than the ttl") {
    CHECK(loop.label({.id = 299, .y = 1.0F, .at = rows[299].at + std::chrono::seconds(101)}));
    loop.work();
    CHECK(loop.counters().labels_expired == 1);
  }
  SECTION("a label or weight that is none") {
    CHECK(loop.label(299, nan));
    CHECK(loop.label(299, std::numeric_limits<float>::infinity()));
    CHECK(loop.label(299, 0.5F));
    CHECK(loop.label(299, 2.0F));
    CHECK(loop.label(299, 1.0F, nan));
    CHECK(loop.label(299, 1.0F, -1.0F));
    loop.work();
    CHECK(loop.counters().labels_refused == 6);
  }
  CHECK(loop.counters().learned == 0);
}

TEST_CASE("A full label queue says so and loses nothing that it took", "[loop]") {
  const auto rows = trades(16);
  Loop<Trade> loop(trade_features(), LogisticRegression{}, {.label_queue = 8});
  for (std::size_t i = 0; i < rows.size(); ++i) loop.predict(i, rows[i]);
  std::size_t taken = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) taken += loop.label(i, rows[i].good) ? 1U : 0U;
  CHECK(taken == 8);
  loop.work();
  CHECK(loop.counters().labels == 8);
  CHECK(loop.counters().labels_dropped == 8);
}

TEST_CASE("An infinite feature is scored as missing, counted, and never learned from", "[loop]") {
  auto rows = trades(200);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  run(loop, rows, 0, 199);
  rows[199].spread = std::numeric_limits<double>::infinity();
  const Prediction prediction = loop.predict(199, rows[199]);
  CHECK(prediction.status == Prediction::Status::refused);
  CHECK(std::isfinite(prediction.score));
  loop.label(199, 1.0F);
  loop.work();
  CHECK(loop.counters().refused_features == 1);
  CHECK(loop.counters().labels_refused == 1);
  CHECK(loop.counters().learned == 199);
}

TEST_CASE("A missing feature is no reason to refuse", "[loop]") {
  auto rows = trades(2);
  rows[1].spread = std::numeric_limits<double>::quiet_NaN();
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  run(loop, rows, 0, 2);
  CHECK(loop.counters().learned == 2);
}

TEST_CASE("Time that runs backwards moves no window forwards and loses no label", "[loop]") {
  auto rows = trades(300);
  std::set<std::uint64_t> known;
  for (std::size_t i = 0; i < 100; ++i) known.insert(rows[i].trader);
  std::uint64_t too_old = 0;  // of traders whose windows are further on
  for (std::size_t i = 100; i < 200; ++i) {
    rows[i].at -= std::chrono::hours(2);
    too_old += known.contains(rows[i].trader) ? 1U : 0U;
  }
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  run(loop, rows, 0, rows.size());
  CHECK(loop.counters().labels == 300);
  const auto report = loop.report();
  const auto counted = std::find_if(report.counters.begin(), report.counters.end(),
                                    [](const auto& counter) { return counter.name == "rtml_window_events_too_late_total"; });
  REQUIRE(counted != report.counters.end());
  CHECK(counted->value == Approx(static_cast<double>(too_old)));
}

TEST_CASE("How often readers get a newer model changes nothing of what is learned", "[loop][property]") {
  const auto rows = trades(1000);
  const rtml::ReplayBuffer buffer = GENERATE(as<rtml::ReplayBuffer>(), rtml::reservoir(100), rtml::prioritized(100), rtml::herding(100));
  const auto learned = [&](std::uint64_t publish_every, std::size_t work_every) {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, {.rehearse = buffer, .publish_every = publish_every});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      loop.predict(i, rows[i]);
      loop.work();  // fitted from each event in turn
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      loop.label(i, rows[i].good);
      if (i % work_every == 0) loop.work();
    }
    loop.work();
    return rtml::save(loop.model());
  };
  CHECK(learned(1, 1) == learned(64, 7));
  CHECK(learned(1, 1) == learned(1000, 1000));
}

TEST_CASE("A drift of the error changes how much is rehearsed, for as long as the schedule says", "[loop]") {
  const auto replayed = [](std::size_t drift_at) {
    const auto rows = trades(3000, 1, drift_at);
    std::uint64_t drifts = 0;
    LoopOptions options;
    options.rehearse = rtml::Rehearsal(rtml::sliding(200), 0.0, 0, {.drift_ratio = 2.0, .drift_rows = 20});
    options.on_event = [&](const LoopEvent& event) {
      if (event.kind == LoopEvent::Kind::drift && event.what == "error") ++drifts;
    };
    Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
    run(loop, rows, 0, rows.size());
    return std::pair(drifts, loop.counters().replayed);
  };
  const auto moved = replayed(1500);
  CHECK(moved.first >= 1);
  CHECK(moved.second == 40 * moved.first);  // alarms are further apart than 20 rows
  const auto calm = replayed(3000);
  CHECK(calm.second == 40 * calm.first);
  CHECK(calm.first < moved.first);
}

TEST_CASE("A loop over a prioritised buffer tells it what each rehearsed example cost", "[loop]") {
  // One in ten is labelled at random: hard for good. Drawn by loss, without correction, it pulls the model more.
  auto rows = trades(3000);
  for (std::size_t i = 0; i < rows.size(); i += 10) rows[i].good = 1.0F - rows[i].good;
  const auto mean_score = [&](double alpha) {
    LoopOptions options;
    options.rehearse = rtml::Rehearsal(rtml::PrioritizedBuffer({.capacity = 500, .alpha = alpha, .beta = 0.0}), 4.0);
    Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
    run(loop, rows, 0, 2000);
    double distance = 0.0;
    for (std::size_t i = 2000; i < 3000; ++i) distance += std::abs(static_cast<double>(loop.score(rows[i]).score) - 0.5);
    return distance / 1000.0;
  };
  CHECK(mean_score(1.0) < 0.8 * mean_score(0.0));
}

TEST_CASE("One unit always meets the same arm, and each arm is measured on what it served", "[loop]") {
  const auto rows = trades(4000);
  Loop<Trade> loop(trade_features(), LogisticRegression{},
                   {.challengers = {{.name = "other", .learner = LogisticRegression{}, .weight = 0.5}}});
  std::vector<int> arm_of(50, -1);
  std::size_t served_by_other = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Prediction prediction = loop.predict(i, rows[i], rows[i].trader);
    int& arm = arm_of[rows[i].trader];
    if (arm >= 0) REQUIRE(static_cast<std::uint32_t>(arm) == prediction.arm);
    arm = static_cast<int>(prediction.arm);
    served_by_other += prediction.arm;
    loop.label(i, rows[i].good);
    loop.work();
  }
  const auto report = loop.report();
  REQUIRE(report.arms.size() == 2);
  CHECK(report.arms[1].predictions == served_by_other);
  CHECK(report.arms[0].predictions + report.arms[1].predictions == rows.size());
  CHECK(std::set<int>(arm_of.begin(), arm_of.end()) == std::set<int>{0, 1});
  CHECK(report.comparison.find("p = ") != std::string::npos);
}

TEST_CASE("A shadow scores and learns everything and serves nothing", "[loop]") {
  const auto rows = trades(1000);
  Loop<Trade> loop(trade_features(), LogisticRegression{}, {.challengers = {{.name = "shadow", .learner = LogisticRegression{}}}});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    REQUIRE(loop.predict(i, rows[i]).arm == 0);
    loop.label(i, rows[i].good);
    loop.work();
  }
  CHECK(metric(loop, "accuracy", 1) == metric(loop, "accuracy", 0));
  CHECK(loop.report().arms[1].predictions == 1000);
  CHECK(rtml::save(loop.model(0)) == rtml::save(loop.model(1)));
}

TEST_CASE("The parts of an explanation add up to the margin of the score", "[loop]") {
  const auto rows = trades(1001);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  run(loop, rows, 0, 1000);
  const auto explanation = loop.explain(rows[1000]);
  REQUIRE(explanation.available);
  double margin = static_cast<double>(explanation.intercept);
  for (const auto& part : explanation.parts) margin += static_cast<double>(part.contribution);
  CHECK(1.0 / (1.0 + std::exp(-margin)) == Approx(static_cast<double>(loop.score(rows[1000]).score)).epsilon(1e-4));
  CHECK(explanation.parts.front().feature == "spread");
}

TEST_CASE("Starting from history is worth what living through it is", "[loop]") {
  const auto rows = trades(3000);
  Loop<Trade> lived(trade_features(), LogisticRegression{});
  run(lived, rows, 0, 2000);
  Loop<Trade> told(trade_features(), LogisticRegression{});
  std::vector<float> labels;
  for (std::size_t i = 0; i < 2000; ++i) labels.push_back(rows[i].good);
  told.bootstrap(std::span(rows).first(2000), labels);
  double worst = 0.0;
  for (std::size_t i = 2000; i < rows.size(); ++i)
    worst = std::max(worst, std::fabs(static_cast<double>(lived.score(rows[i]).score) - static_cast<double>(told.score(rows[i]).score)));
  CHECK(worst < 0.2);
  CHECK_THROWS_WITH(told.bootstrap(std::span(rows).first(2), std::span(labels).first(1)),
                    "Loop::bootstrap: labels is 1, must be as many as there are events");
}

TEST_CASE("A loop may start from given weights", "[loop]") {
  const auto rows = trades(2000);
  Loop<Trade> teacher(trade_features(), LogisticRegression{});
  run(teacher, rows, 0, 2000);
  Loop<Trade> pupil(trade_features(), teacher.model());
  CHECK(rtml::save(pupil.model()) == rtml::save(teacher.model()));
}

TEST_CASE("Bad options are refused by name", "[loop][config]") {
  const auto make = [](rtml::LoopOptions options) { return Loop<Trade>(trade_features(), LogisticRegression{}, std::move(options)); };
  CHECK_THROWS_WITH(make({.pending = 0}), "LoopOptions: pending is 0, must be in [1, 2^31]");
  CHECK_THROWS_WITH(make({.challengers = {{.name = "champion", .learner = LogisticRegression{}}}}),
                    "LoopOptions: challenger is \"champion\", must be named, and not champion");
  CHECK_THROWS_AS(make({.challengers = {{.name = "a", .learner = rtml::LinearRegression{}}}}), rtml::ConfigError);
  CHECK_THROWS_AS(make({.retrain = {.when = rtml::Signal{.name = "no_such_metric"} < 0.5}}), rtml::ConfigError);
  CHECK_THROWS_AS(Loop<Trade>(trade_features(), AnyLearner{}), rtml::ConfigError);
}

TEST_CASE("The baselines are measured on the same labels as the model", "[loop]") {
  const auto rows = trades(2000);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  run(loop, rows, 0, rows.size());
  const auto report = loop.report();
  REQUIRE_FALSE(report.metrics.empty());
  std::size_t same = 0;
  std::size_t ones = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    same += i > 0 && rows[i].good == rows[i - 1].good ? 1U : 0U;
    ones += rows[i].good == 1.0F ? 1U : 0U;
  }
  for (const auto& row : report.metrics)
    if (row.name == "accuracy") {
      CHECK(row.no_change == Approx(static_cast<double>(same) / 2000.0).margin(1.0 / 2000.0));
      CHECK(row.majority == Approx(std::max(static_cast<double>(ones), 2000.0 - static_cast<double>(ones)) / 2000.0).margin(0.02));
    }
  CHECK(loop.memory_bytes() > 65536);
}

TEST_CASE("Encodings by label learn from labels as they come, through a restart, and refuse codes of classes", "[loop][state]") {
  const auto encoded = [] {
    return rtml::feature_set<Trade>("encoded", &Trade::at, rtml::numeric("spread", &Trade::spread) | rtml::standardize(),
                                    rtml::category("trader", &Trade::trader) | rtml::target_encoding(5.0F),
                                    rtml::category("trades", &Trade::trader) | rtml::count_encoding() | rtml::log1p());
  };
  const auto rows = trades(600);
  const TemporaryFolder folder;
  const rtml::LoopOptions options{.state = folder.path()};
  Loop<Trade> whole(encoded(), LogisticRegression{});
  const auto expected = run(whole, rows, 0, rows.size());
  std::vector<float> scores;
  {
    Loop<Trade> loop(encoded(), LogisticRegression{}, options);
    scores = run(loop, rows, 0, 350);
    loop.checkpoint();
  }
  Loop<Trade> loop(encoded(), LogisticRegression{}, options);
  REQUIRE(loop.resumed());
  const auto rest = run(loop, rows, 350, rows.size());
  scores.insert(scores.end(), rest.begin(), rest.end());
  CHECK(scores == expected);

  // By hand: the features that request 600 was served.
  double all = 0.0;
  double own = 0.0;
  double count = 0.0;
  for (const Trade& row : rows) {
    all += static_cast<double>(row.good);
    if (row.trader != rows[0].trader) continue;
    own += static_cast<double>(row.good);
    ++count;
  }
  rtml::FeaturePipeline<Trade> alone(encoded());
  for (const Trade& row : rows) {
    alone(row);
    alone.observe(row);
    alone.label(alone.fit_inputs(), row.good);
  }
  CHECK(alone(rows[0]).dense[1] == Approx((own + 5.0 * all / 600.0) / (count + 5.0)));
  float score = 0.0F;
  whole.model(0).predict(alone(rows[0]), {&score, 1});
  CHECK(whole.score(rows[0]).score == score);

  CHECK_THROWS_WITH(Loop<Trade>(encoded(), rtml::Softmax({.classes = 3})),
                    "Loop: task is \"classes\", must be binary or regression in a set with target_encoding");
}
