#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "rtml/drift/signals.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/loop.hpp"
#include "rtml/metrics/signals.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using namespace std::chrono_literals;
using rtml::Data;
using rtml::every;
using rtml::LogisticRegression;
using rtml::Loop;
using rtml::LoopEvent;
using rtml::Retrain;
using rtml::Start;

namespace {

struct Lived {
  double before;  // rolling accuracy just before the truth turns round
  double after;   // at the end
  rtml::LoopCounters counters;
  std::vector<LoopEvent> retrainings;
};

/// 6000 trades whose truth turns round in the middle, under one policy.
Lived live(Retrain policy) {
  const auto rows = trades(6000, 3, 3000);
  Lived lived{};
  rtml::LoopOptions options;
  options.retrain = std::move(policy);
  options.rehearse = rtml::reservoir(500);
  options.rehearse.ratio = 0.0;
  options.metric_window = 500;
  options.on_event = [&](const LoopEvent& event) {
    if (event.kind == LoopEvent::Kind::retrain) lived.retrainings.push_back(event);
  };
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  run(loop, rows, 0, 3000);
  lived.before = metric(loop, "accuracy", 0, true);
  run(loop, rows, 3000, 6000);
  lived.after = metric(loop, "accuracy", 0, true);
  lived.counters = loop.counters();
  return lived;
}

}  // namespace

TEST_CASE("Continual: each label is learned as it comes, and the model follows a turn", "[loop][strategy]") {
  const Lived lived = live({});
  CHECK(lived.before > 0.8);
  CHECK(lived.after > 0.8);
  CHECK(lived.counters.learned == 6000);
  CHECK(lived.counters.retrainings == 0);
}

TEST_CASE("Frozen: after its warm-up the model never changes, and a turn makes it wrong", "[loop][strategy]") {
  const Lived lived = live({.online = false, .warmup = 1000});
  CHECK(lived.before > 0.8);
  CHECK(lived.after < 0.3);
  CHECK(lived.counters.learned == 1000);
}

TEST_CASE("Stateless: learned anew on a recent window while it learns on", "[loop][strategy]") {
  const Lived lived = live({.when = every(1000), .start = Start::fresh, .on = Data::recent(std::size_t{800})});
  CHECK(lived.before > 0.8);
  CHECK(lived.after > 0.8);
  CHECK(lived.counters.retrainings == 6);
  CHECK(lived.counters.retrained == 6 * 800);
  CHECK(lived.counters.learned == 6000);
}

TEST_CASE("Cadence: only what a period of event time says, learned anew", "[loop][strategy]") {
  const Lived lived = live({.when = every(15min), .start = Start::fresh, .on = Data::recent(rtml::Duration(15min)), .online = false});
  CHECK(lived.before > 0.8);
  CHECK(lived.after > 0.8);
  CHECK(lived.counters.learned == 0);
  CHECK(lived.counters.retrainings == 6);  // 6000 s in periods of 900 s
  for (const LoopEvent& event : lived.retrainings) CHECK(event.statistic == Approx(900).margin(2));
}

TEST_CASE("Stateful cadence: goes on from the model on what is new since the last time", "[loop][strategy]") {
  const Lived lived = live({.when = every(15min), .start = Start::warm, .on = Data::since_last(), .online = false});
  CHECK(lived.before > 0.8);
  CHECK(lived.after > 0.8);
  CHECK(lived.counters.learned == 0);
  std::uint64_t rows = 0;
  for (const LoopEvent& event : lived.retrainings) rows += static_cast<std::uint64_t>(event.statistic);
  CHECK(rows == lived.counters.retrained);
  CHECK(rows <= 6000);  // no label twice
}

TEST_CASE("On demand: nothing while all is well, anew when the metric falls", "[loop][strategy]") {
  const Lived lived = live({.when = rtml::metrics::accuracy(200) < 0.6,
                            .start = Start::fresh,
                            .on = Data::recent(std::size_t{400}),
                            .online = false,
                            .warmup = 1000});
  CHECK(lived.before > 0.8);
  CHECK(lived.after > 0.8);
  REQUIRE_FALSE(lived.retrainings.empty());
  CHECK(lived.retrainings.front().event >= 3000);
  CHECK(lived.retrainings.front().event < 3400);
  CHECK(lived.retrainings.front().detector.find("accuracy = ") == 0);
}

TEST_CASE("On demand, stateful: a detector on the error starts a warm retraining", "[loop][strategy]") {
  const Lived lived = live({.when = rtml::drift::adwin() > 0.5,
                            .start = Start::warm,
                            .on = Data::recent(std::size_t{300}),
                            .online = false,
                            .warmup = 1000,
                            .passes = 3});
  REQUIRE_FALSE(lived.retrainings.empty());
  CHECK(lived.retrainings.front().event > 3000);
  CHECK(lived.retrainings.front().event < 3600);
  CHECK(lived.after > 0.5);
}

TEST_CASE("On demand by the features: a distance beyond its level starts a retraining, and the rows after it become the reference",
          "[loop][strategy]") {
  auto rows = trades(6000, 5);
  for (std::size_t i = 3500; i < rows.size(); ++i) rows[i].spread += 2.0;
  rtml::LoopOptions options;
  options.retrain = {.when = rtml::drift::psi(500) > 0.25, .start = Start::warm, .on = Data::recent(std::size_t{500}), .cooldown = 500};
  options.drift.reference = 800;
  // Windows fill at first, which is a drift too: not here.
  const auto features =
      rtml::feature_set<Trade>("sizes", &Trade::at, rtml::numeric("size", &Trade::size), rtml::numeric("spread", &Trade::spread));
  Loop<Trade> loop(features, LogisticRegression{}, options);
  run(loop, rows, 0, 3500);
  const auto before = loop.counters().retrainings;
  run(loop, rows, 3500, 6000);
  CHECK(before == 0);
  CHECK(loop.counters().retrainings >= 1);
  CHECK(loop.counters().retrainings <= 3);
}

TEST_CASE("A retraining waits for its rows and its cooldown", "[loop][strategy]") {
  const Lived waits = live({.when = every(100), .start = Start::warm, .on = Data::since_last(), .online = false, .min_samples = 250});
  for (const LoopEvent& event : waits.retrainings) CHECK(event.statistic >= 250);
  CHECK(waits.counters.retrainings == 24);
  const Lived rests = live({.when = every(100), .start = Start::warm, .on = Data::recent(std::size_t{50}), .cooldown = 1000});
  CHECK(rests.counters.retrainings == 6);
}

TEST_CASE("A retraining from the rehearsal buffer needs one", "[loop][strategy]") {
  rtml::LoopOptions options;
  options.retrain = {.when = every(500), .start = Start::fresh, .on = Data::rehearsal()};
  CHECK_THROWS_AS(Loop<Trade>(trade_features(), LogisticRegression{}, options), rtml::ConfigError);
  options.rehearse = rtml::reservoir(300);
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  run(loop, trades(2000), 0, 2000);
  CHECK(loop.counters().retrainings == 4);
  CHECK(loop.counters().retrained == 4 * 300);
  CHECK(loop.counters().replayed > 1500);
}

TEST_CASE("Which rows a retraining learns from goes by when their labels came, not by the times that those say", "[loop][strategy]") {
  const auto rows = trades(60);
  const auto features = [] { return rtml::feature_set<Trade>("one-v1", &Trade::at, rtml::numeric("spread", &Trade::spread)); };
  rtml::LoopOptions options;
  options.history = 20;
  options.retrain = {.when = every(20), .start = Start::fresh, .on = Data::recent(std::size_t{20}), .online = false, .min_samples = 20};
  const auto last_mean = [&](auto when_known) {
    Loop<Trade> loop(features(), rtml::make_learner("mean", rtml::Task::regression), options);
    for (std::size_t i = 0; i < 60; ++i) {
      loop.predict(i, rows[i]);
      loop.label({.id = i, .y = static_cast<float>(i), .at = when_known(i)});
      loop.work();
    }
    REQUIRE(loop.counters().retrainings == 3);
    return loop.score(rows[0]).score;
  };
  CHECK(last_mean([&](std::size_t i) { return rows[i].at; }) == Approx(49.5));
  CHECK(last_mean([&](std::size_t i) { return i < 20 ? rows[i].at + rtml::days(9000) : rows[i].at; }) == Approx(49.5));  // of a wrong clock
  CHECK(last_mean([&](std::size_t i) { return rows[i].at - (i % 2) * 1h; }) == Approx(49.5));                            // one feed lags
}

TEST_CASE("Texts of more words than a rehearsal buffer expects are rehearsed all the same", "[loop][strategy]") {
  struct Page {
    std::string text;
  };
  std::string text;
  for (int word = 0; word < 100; ++word) text += "w" + std::to_string(word) + " ";
  rtml::LoopOptions options;
  options.rehearse = rtml::reservoir(100);
  Loop<Page> loop(rtml::feature_set<Page>("pages", rtml::words("a", &Page::text), rtml::words("b", &Page::text)), LogisticRegression{},
                  options);
  for (std::uint64_t i = 0; i < 50; ++i) {
    loop.predict(i, {text});
    loop.label(i, 1.0F);
    loop.work();
  }
  CHECK(loop.counters().replayed == 49);
}

TEST_CASE("A policy that can never come to its turn is refused by name", "[loop][strategy][config]") {
  const auto refused = [](rtml::LoopOptions options, const std::string& message) {
    CHECK_THROWS_WITH(Loop<Trade>(trade_features(), LogisticRegression{}, options), message);
  };
  const auto with = [](Retrain policy) {
    rtml::LoopOptions options;
    options.retrain = std::move(policy);
    return options;
  };
  refused(with({.when = every(10), .on = Data::recent(std::size_t{20})}),
          "Retrain: min_samples is 30, must be at most on.rows, which is 20");
  auto options = with({.when = every(10)});
  options.history = 29;
  refused(options, "Retrain: min_samples is 30, must be at most 29, as no more rows are kept (LoopOptions::history)");
  options = with({.when = every(10), .on = Data::rehearsal()});
  options.rehearse = rtml::reservoir(29);
  refused(options, "Retrain: min_samples is 30, must be at most 29, as no more rows are kept (LoopOptions::rehearse)");
  refused(with({.when = every(10), .gate = {.margin = 0.1}}), "Gate: margin is 0.1, must be used with `labels` or a rule");
  refused(with({.when = every(10), .gate = {.embargo = 1h}}), "Gate: embargo is 3600000000, must be used with `labels` or a rule");
  refused(with({.when = every(10), .gate = {.labels = 1, .embargo = rtml::Duration::max()}}),
          "Gate: embargo is 9223372036854775807, must be in [0, 3650 days]");
  options = {};
  options.negative_after = 2h;
  options.label_ttl = 1h;
  refused(options, "LoopOptions: label_ttl is 3600000000, must be 0 or at least negative_after: what waits for a label must not refuse it");
  CHECK_THROWS_WITH(rtml::metrics::accuracy() < std::numeric_limits<double>::quiet_NaN(), "Trigger: level is nan, must be a number");

  rtml::LoopOptions classes;
  classes.rehearse = rtml::class_balanced(100);
  CHECK_THROWS_WITH(Loop<Trade>(trade_features(), rtml::make_learner("linear", rtml::Task::regression), classes),
                    "LoopOptions: rehearse is \"class_balanced\", must be a buffer without classes, as the task is regression");

  const auto without_time = [&](const rtml::LoopOptions& timed, const std::string& message) {
    CHECK_THROWS_WITH(
        Loop<Trade>(rtml::feature_set<Trade>("no-time", rtml::numeric("spread", &Trade::spread)), LogisticRegression{}, timed), message);
  };
  options = {};
  options.negative_after = 1h;
  without_time(options, "LoopOptions: negative_after is 3600000000, must be 0, as the features have no time");
  without_time(with({.when = every(1h)}), "Retrain: when is \"every 1h\", must be a trigger without times, as the features have none");
  without_time(with({.when = every(10), .most_per_day = 1}), "Retrain: most_per_day is 1, must be 0, as the features have no time");
}
