#include "rtml/drift/signals.hpp"
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
