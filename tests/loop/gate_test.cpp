// Retrained models before their gate, and retrainings apart from learning.

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "rtml/learn/make_learner.hpp"
#include "rtml/loop.hpp"
#include "rtml/metrics/signals.hpp"
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

TEST_CASE("A model that was trained apart is in a checkpoint as soon as it serves, or stands before its gate",
          "[loop][gate][train][state]") {
  const auto rows = trades(2600, 19);
  const bool gated = GENERATE(false, true);
  CAPTURE(gated);
  Retrain policy{.when = every(1000), .start = Start::fresh, .on = Data::recent(std::size_t{600}), .online = false};
  if (gated)
    policy.gate.rule = [](const Gate::Evidence& evidence) {
      return evidence.labels < 100 ? Gate::Decision::wait : Gate::Decision::promote;
    };
  LoopOptions options = options_of(policy);
  options.train_apart = true;
  Loop<Trade> whole(trade_features(), LogisticRegression{}, options);
  run(whole, rows, 0, 1237);
  REQUIRE(whole.train());
  run(whole, rows, 1237, 1500);

  const TemporaryFolder folder;
  options.state = folder.path();
  std::vector<std::byte> served;
  {
    Loop<Trade> killed(trade_features(), LogisticRegression{}, options);
    run(killed, rows, 0, 1237);
    CHECK(killed.counters().checkpoints == 0);
    REQUIRE(killed.train());
    CHECK(killed.counters().checkpoints == 0);  // labels may still wait in the queue, which no checkpoint holds
    killed.work();
    CHECK(killed.counters().checkpoints == 1);
    run(killed, rows, 1237, 1500);
    CHECK(killed.counters().checkpoints == (gated ? 2U : 1U));  // promoted
    served = rtml::save(killed.model());
  }
  Loop<Trade> resumed(trade_features(), LogisticRegression{}, options);
  const std::uint64_t from = resumed.resume_offset();
  CHECK(from >= 1237);
  CHECK((from > 1237) == gated);
  run(resumed, rows, from, 1500);
  CHECK(rtml::save(resumed.model()) == served);
  CHECK(run(resumed, rows, 1500, 1900) == run(whole, rows, 1500, 1900));
}

TEST_CASE("A retraining apart catches up whether its policy learns as it goes or not", "[loop][train]") {
  const auto rows = trades(2300, 11);
  LoopOptions options = options_of({.when = every(1000), .start = Start::warm, .on = Data::since_last(), .online = false});
  options.train_apart = true;
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  run(loop, rows, 0, 1200);
  CHECK(loop.train());
  CHECK(loop.counters().retrained == 1200);
  run(loop, rows, 1200, 2199);
  CHECK_FALSE(loop.train());
  run(loop, rows, 2199, 2200);
  CHECK(loop.train());
  CHECK(loop.counters().retrained == 2200);
}

TEST_CASE("The embargo of a retraining apart is counted from the last label that it learned", "[loop][gate][train]") {
  const auto rows = trades(2000, 5);
  std::vector<std::uint64_t> judged_at;
  std::uint64_t at = 0;
  Retrain policy = gated_cadence(0);
  policy.gate.embargo = 200s;
  policy.gate.rule = [&](const Gate::Evidence&) {
    judged_at.push_back(at);
    return Gate::Decision::wait;
  };
  LoopOptions options = options_of(policy);
  options.train_apart = true;
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  run(loop, rows, 0, 1250);
  REQUIRE(loop.train());
  for (at = 1250; at < 1500; ++at) run(loop, rows, at, at + 1);
  REQUIRE(!judged_at.empty());
  CHECK(judged_at.front() == 1450);
}

TEST_CASE("Without a time of events, or with a coarse one, a gate decides by what was served later", "[loop][gate]") {
  auto rows = trades(2000, 13);
  for (Trade& row : rows) row.at = rtml::from_unix_seconds(1'700'000'000);
  const auto decided = [&](rtml::FeatureSet<Trade> features) {
    Loop<Trade> loop(std::move(features), LogisticRegression{}, options_of(gated_cadence(200)));
    run(loop, rows, 0, 2000);
    return loop.counters().promotions + loop.counters().discarded;
  };
  CHECK(decided(trade_features()) == 1);
  CHECK(decided(rtml::feature_set<Trade>("no-time", rtml::numeric("spread", &Trade::spread))) == 1);
}

TEST_CASE("Candidates of margins are judged by the hinge loss", "[loop][gate]") {
  auto rows = trades(2400, 14);
  rtml::Rng rng(3);
  for (Trade& row : rows)
    if (rng.uniform() < 0.15) row.good = 1.0F - row.good;
  std::vector<Gate::Evidence> seen;
  Retrain policy = gated_cadence(0);
  policy.online = true;
  policy.gate.rule = [&](const Gate::Evidence& evidence) {
    seen.push_back(evidence);
    return evidence.labels == 400 ? Gate::Decision::keep : Gate::Decision::wait;
  };
  const auto hinge = rtml::make_learner("logistic:loss=hinge", rtml::Task::binary);
  Loop<Trade> loop(trade_features(), hinge, options_of(policy));
  double loss = 0.0;
  std::size_t judged = 0;
  for (std::size_t i = 0; i < 1400; ++i) {
    const float margin = loop.predict(i, rows[i]).score;
    if (i >= 1000) {
      loss += static_cast<double>(std::max(0.0F, 1.0F - (2.0F * rows[i].good - 1.0F) * margin));
      ++judged;
    }
    loop.label(i, rows[i].good);
    loop.work();
  }
  REQUIRE(seen.size() == judged);
  CHECK(seen.back().serving == Approx(loss / static_cast<double>(judged)));
}

TEST_CASE("What a discarded candidate had learned, the next retraining learns", "[loop][gate]") {
  const auto rows = trades(2400, 15);
  Retrain policy{.when = every(500), .start = Start::warm, .on = Data::since_last(), .online = false, .gate = {.labels = 1}};
  policy.gate.rule = [](const Gate::Evidence&) { return Gate::Decision::keep; };
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options_of(policy));
  run(loop, rows, 0, 1600);
  CHECK(loop.counters().retrainings == 3);
  CHECK(loop.counters().retrained == 500 + 1000 + 1500);
}

TEST_CASE("A trigger measures a promoted model by its own errors alone", "[loop][gate]") {
  const auto rows = trades(6000, 16, 2500);
  Retrain policy = gated_cadence(100);
  policy.when = rtml::metrics::accuracy(500) < 0.7;
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options_of(policy));
  run(loop, rows, 0, 2500);
  const auto before = loop.counters().retrainings;
  run(loop, rows, 2500, 6000);
  std::uint64_t promoted = 0;
  std::vector<std::uint64_t> retrained_after;
  for (const LoopEvent& event : loop.events()) {
    if (event.kind == Kind::promoted) promoted = event.event;
    if (event.kind == Kind::retrain && promoted > 2500) retrained_after.push_back(event.event - promoted);
  }
  REQUIRE(loop.counters().retrainings > before);
  REQUIRE(promoted > 2500);
  for (const std::uint64_t later : retrained_after) CHECK(later >= 500);  // a window of its own
}

namespace {

/// Learns nothing, and stops in its first learning of a second thread until it may go on.
struct Gated {
  struct Door {
    std::mutex mutex;
    std::condition_variable changed;
    bool inside = false;
    bool open = false;
    std::thread::id owner = std::this_thread::get_id();
  };

  std::shared_ptr<Door> door = std::make_shared<Door>();

  rtml::Task task() const noexcept { return rtml::Task::binary; }
  std::uint64_t refused() const noexcept { return 0; }
  void bind(const rtml::Schema& /*schema*/) {}
  float predict(const rtml::Features& /*x*/) const noexcept { return 0.5F; }
  float learn(const rtml::Features& /*x*/, float /*y*/, float /*weight*/ = 1.0F) noexcept {
    if (std::this_thread::get_id() != door->owner) {
      std::unique_lock lock(door->mutex);
      door->inside = true;
      door->changed.notify_all();
      door->changed.wait(lock, [&] { return door->open; });
    }
    return 0.5F;
  }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  template <class Self, class Ar>
  static void archive(Self& /*self*/, Ar& ar) {
    ar.header("Gated", 1);
  }
};

}  // namespace

TEST_CASE("While a retraining is carried out apart, requests are answered and labels are learned", "[loop][train][threads]") {
  const auto rows = trades(1000, 17);
  const Gated learner;
  LoopOptions options = options_of({.when = every(100), .start = Start::warm, .on = Data::recent(std::size_t{100})});
  options.train_apart = true;
  Loop<Trade> loop(trade_features(), rtml::AnyLearner(learner), options);
  run(loop, rows, 0, 100);
  std::thread trainer([&] { loop.train(); });
  {
    std::unique_lock lock(learner.door->mutex);
    learner.door->changed.wait(lock, [&] { return learner.door->inside; });
  }
  const std::size_t bytes = loop.memory_bytes();
  run(loop, rows, 100, 1000);  // would wait for ever, if either did
  CHECK(loop.counters().labels == 1000);
  CHECK(loop.counters().retrainings == 0);
  {
    const std::lock_guard lock(learner.door->mutex);
    learner.door->open = true;
  }
  learner.door->changed.notify_all();
  trainer.join();
  CHECK(loop.counters().retrainings == 1);
  CHECK(loop.memory_bytes() < bytes);  // its rows are gone
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
