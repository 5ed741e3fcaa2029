// Retrained models before their gate, and retrainings apart from learning.

#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "rtml/loop.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using namespace std::chrono_literals;
using rtml::Data;
using rtml::every;
using rtml::Gate;
using rtml::LogisticRegression;
using rtml::Loop;
using rtml::LoopEvent;
using rtml::LoopOptions;
using rtml::Retrain;
using rtml::Start;

namespace {

using Kind = LoopEvent::Kind;

std::vector<std::pair<Kind, std::uint64_t>> decisions(const Loop<Trade>& loop) {
  std::vector<std::pair<Kind, std::uint64_t>> made;
  for (const LoopEvent& event : loop.events())
    if (event.kind == Kind::retrain || event.kind == Kind::promoted || event.kind == Kind::discarded)
      made.emplace_back(event.kind, event.event);
  return made;
}

LoopOptions options_of(Retrain policy) {
  LoopOptions options;
  options.retrain = std::move(policy);
  options.publish_every = 1;
  return options;
}

/// Never learns after its warm-up, but by retrainings that pass a gate.
Retrain gated_cadence(std::uint64_t labels) {
  return {.when = every(1000),
          .start = Start::fresh,
          .on = Data::recent(std::size_t{800}),
          .online = false,
          .warmup = 500,
          .gate = {.labels = labels, .margin = 0.05}};
}

}  // namespace

TEST_CASE("A candidate that is better on what comes after its training is promoted, one that is not is discarded", "[loop][gate]") {
  const auto rows = trades(6000, 3, 2500);
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options_of(gated_cadence(200)));
  run(loop, rows, 0, 2999);
  CHECK(metric(loop, "accuracy", 0, true) < 0.7);  // the truth turned round at 2500
  run(loop, rows, 2999, 5999);
  CHECK(metric(loop, "accuracy", 0, true) > 0.8);
  const auto counters = loop.counters();
  CHECK(counters.promotions >= 1);
  CHECK(counters.promotions + counters.discarded == counters.retrainings);
  CHECK(loop.report().arms[0].version == counters.promotions);
  bool turned = false;
  for (const LoopEvent& event : loop.events()) {
    if (event.kind != Kind::promoted) continue;
    turned = turned || event.event > 3000;
    CHECK(event.statistic == 200.0);
    CHECK(event.detector.find("loss ") == 0);
  }
  CHECK(turned);
}

TEST_CASE("A candidate that learned too little is discarded, and what serves stays", "[loop][gate]") {
  const auto rows = trades(4000, 4);
  auto policy = options_of({.when = every(1000), .start = Start::fresh, .on = Data::recent(std::size_t{30}), .gate = {.labels = 300}});
  policy.retrain.online = true;
  Loop<Trade> gated(trade_features(), LogisticRegression{}, policy);
  Loop<Trade> plain(trade_features(), LogisticRegression{}, options_of({}));
  CHECK(run(gated, rows, 0, 4000) == run(plain, rows, 0, 4000));
  CHECK(gated.counters().discarded >= 2);
  CHECK(gated.counters().promotions == 0);
  CHECK(gated.report().arms[0].version == 0);
}

TEST_CASE("Only what was served after training and embargo is judged", "[loop][gate]") {
  const auto rows = trades(3000, 5);
  std::vector<std::uint64_t> judged_at;
  Retrain policy = gated_cadence(0);
  policy.gate.embargo = 200s;  // a trade a second
  policy.gate.rule = [&](const Gate::Evidence& evidence) {
    judged_at.push_back(evidence.labels);
    return evidence.labels == 100 ? Gate::Decision::keep : Gate::Decision::wait;
  };
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options_of(policy));
  run(loop, rows, 0, 1200);
  CHECK(judged_at.empty());
  run(loop, rows, 1200, 1310);
  CHECK(judged_at.size() == 100);
  const auto made = decisions(loop);
  REQUIRE(made.size() == 2);
  CHECK(made[0].first == Kind::retrain);
  CHECK(made[0].second == 1000);
  CHECK(made[1].first == Kind::discarded);
  CHECK(made[1].second == 1300);
}

TEST_CASE("A rule that throws promotes nobody, and is counted", "[loop][gate]") {
  const auto rows = trades(1200, 6);
  Retrain policy = gated_cadence(0);
  policy.gate.rule = [](const Gate::Evidence&) -> Gate::Decision { throw std::runtime_error("no"); };
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options_of(policy));
  run(loop, rows, 0, 1200);
  CHECK(loop.counters().callback_failures == 1);
  CHECK(loop.counters().discarded == 1);
}

TEST_CASE("A challenger has a gate of its own", "[loop][gate]") {
  const auto rows = trades(6000, 7, 2500);
  LoopOptions options = options_of({});
  options.challengers.push_back({.name = "cadence", .learner = LogisticRegression{}, .retrain = gated_cadence(100)});
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  run(loop, rows, 0, 6000);
  CHECK(loop.counters().promotions >= 1);
  CHECK(loop.report().arms[0].version == 0);
  CHECK(loop.report().arms[1].version == loop.counters().promotions);
  CHECK(metric(loop, "accuracy", 1, true) > 0.8);
}

TEST_CASE("A loop that was stopped while a candidate was judged goes on to the same bits", "[loop][gate][state]") {
  const auto rows = trades(4000, 8, 1500);
  const auto scores_and_decisions = [&](std::vector<std::size_t> stops) {
    const TemporaryFolder folder;
    std::vector<float> scores;
    std::vector<std::pair<Kind, std::uint64_t>> made;
    stops.push_back(rows.size());
    std::size_t from = 0;
    for (const std::size_t to : stops) {
      LoopOptions options = options_of(gated_cadence(300));
      options.state = folder.path();
      Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
      REQUIRE(loop.resume_offset() == from);
      const auto more = run(loop, rows, from, to);
      scores.insert(scores.end(), more.begin(), more.end());
      loop.stop();
      made = decisions(loop);
      from = to;
    }
    return std::pair(scores, made);
  };
  const auto whole = scores_and_decisions({});
  REQUIRE(whole.second.size() >= 4);
  CHECK(scores_and_decisions({1000}) == whole);  // just trained
  CHECK(scores_and_decisions({1100, 1299, 2150, 3001}) == whole);
}

TEST_CASE("Gates that are added or taken away leave models and what waits for labels alone", "[loop][gate][state]") {
  const auto rows = trades(2000, 9);
  const TemporaryFolder folder;
  const auto open = [&](bool gated) {
    Retrain policy = gated_cadence(300);
    if (!gated) policy.gate = {};
    LoopOptions options = options_of(policy);
    options.state = folder.path();
    return options;
  };
  float before = 0.0F;
  {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, open(true));
    run(loop, rows, 0, 1100);  // a candidate is being judged
    before = loop.predict(1100, rows[1100]).score;
    loop.stop();
  }
  {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, open(false));
    CHECK(loop.predict(1100, rows[1100]).score == before);
    const auto labels = loop.counters().labels;
    loop.label(1100, rows[1100].good);
    loop.work();
    CHECK(loop.counters().labels == labels + 1);
    before = loop.predict(1101, rows[1101]).score;
    loop.stop();
  }
  Loop<Trade> loop(trade_features(), LogisticRegression{}, open(true));
  CHECK(loop.predict(1101, rows[1101]).score == before);
  loop.label(1101, rows[1101].good);
  run(loop, rows, 1102, 2000);
  CHECK(loop.counters().labels == 2000);
}

TEST_CASE("A retraining apart waits for train(), and what came meanwhile is learned before it serves", "[loop][train]") {
  const auto rows = trades(2200, 10);
  const Retrain policy{.when = every(1000), .start = Start::fresh, .on = Data::recent(std::size_t{600})};
  LoopOptions apart_options = options_of(policy);
  apart_options.train_apart = true;
  Loop<Trade> apart(trade_features(), LogisticRegression{}, apart_options);
  Loop<Trade> within(trade_features(), LogisticRegression{}, options_of(policy));
  run(within, rows, 0, 1500);
  CHECK_FALSE(apart.train());
  run(apart, rows, 0, 1500);
  CHECK(apart.counters().retrainings == 0);
  CHECK(apart.predict(1500, rows[1500]).version == 0);
  CHECK(apart.train());
  CHECK_FALSE(apart.train());
  CHECK(apart.counters().retrainings == 1);
  CHECK(apart.counters().retrained == 600 + 500);
  within.predict(1500, rows[1500]);
  CHECK(run(apart, rows, 1501, 1900) == run(within, rows, 1501, 1900));  // to the bit: both learned the same, in the same order
}

TEST_CASE("A retraining apart whose policy does not learn as it goes leaves the labels meanwhile for the next", "[loop][train]") {
  const auto rows = trades(2200, 11);
  LoopOptions options = options_of({.when = every(1000), .start = Start::warm, .on = Data::since_last(), .online = false});
  options.train_apart = true;
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  run(loop, rows, 0, 1200);
  CHECK(loop.train());
  CHECK(loop.counters().retrained == 1000);
  run(loop, rows, 1200, 1999);
  CHECK_FALSE(loop.train());
  run(loop, rows, 1999, 2000);  // a thousand since the first began
  CHECK(loop.train());
  CHECK(loop.counters().retrained == 2000);
}

TEST_CASE("With start(), retrainings apart are carried out beside requests, labels and one another's rounds", "[loop][train][threads]") {
  const auto rows = trades(3000, 12);
  LoopOptions options =
      options_of({.when = every(200), .start = Start::fresh, .on = Data::recent(std::size_t{150}), .gate = {.labels = 50}});
  options.challengers.push_back(
      {.name = "other", .learner = LogisticRegression{}, .weight = 0.3, .retrain = {.when = every(150), .start = Start::warm}});
  options.train_apart = true;
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  loop.start();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    loop.predict(i, rows[i]);
    while (!loop.label(i, rows[i].good)) std::this_thread::yield();
    if (i % 100 == 0) std::this_thread::yield();
  }
  loop.stop();
  const auto counters = loop.counters();
  CHECK(counters.events == rows.size());
  CHECK(counters.labels == rows.size());
  CHECK(counters.retrainings >= 1);
  CHECK(counters.work_failures == 0);
}
