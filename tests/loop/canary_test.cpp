// A challenger on a small share of the requests, which is rolled back by itself.

#include <utility>
#include <vector>

#include "rtml/learn/make_learner.hpp"
#include "rtml/loop.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using rtml::Canary;
using rtml::Loop;
using rtml::LoopEvent;
using rtml::LoopOptions;

namespace {

rtml::AnyLearner learner(const char* name) { return rtml::make_learner(name, rtml::Task::binary); }

LoopOptions with_canary(const char* name, const Canary::Options& rule = {.margin = 0.05, .most_labels = 5000}) {
  LoopOptions options;
  options.challengers = {{.name = "next", .learner = learner(name), .weight = 0.2, .canary = rule}};
  return options;
}

std::vector<LoopEvent> verdicts(const Loop<Trade>& loop) {
  std::vector<LoopEvent> made;
  for (LoopEvent& event : loop.events())
    if (event.kind == LoopEvent::Kind::passed || event.kind == LoopEvent::Kind::rolled_back) made.push_back(std::move(event));
  return made;
}

/// How many of the rows each arm serves.
std::pair<int, int> served_by(Loop<Trade>& loop, const std::vector<Trade>& rows, std::size_t from, std::size_t to) {
  std::pair<int, int> served{0, 0};
  for (std::size_t i = from; i < to; ++i) {
    ++(loop.predict(i, rows[i]).arm == 0 ? served.first : served.second);
    loop.label(i, rows[i].good);
    loop.work();
  }
  return served;
}

}  // namespace

TEST_CASE("A canary that is worse serves nobody from its verdict on, and learns on as a shadow", "[loop][canary]") {
  const auto rows = trades(6000);
  const TemporaryFolder folder;
  LoopOptions options = with_canary("majority");
  options.state = folder.path();
  {
    Loop<Trade> loop(trade_features(), learner("logistic"), options);
    CHECK(served_by(loop, rows, 0, 200).second > 20);
    run(loop, rows, 200, 3000);
    const auto made = verdicts(loop);
    REQUIRE(made.size() == 1);
    CHECK(made[0].kind == LoopEvent::Kind::rolled_back);
    CHECK(made[0].what == "next");
    CHECK(made[0].detector.find("rolled back: loss 0.2") == 0);
    CHECK(made[0].statistic < 600);
    CHECK(loop.counters().rolled_back == 1);
    CHECK(served_by(loop, rows, 3000, 4000) == std::pair(1000, 0));
    CHECK(loop.report().arms[1].predictions > 1100);  // as a shadow all of them
    CHECK(metric(loop, "log_loss", 1) < 0.75);        // of answers that it gave
    loop.stop();
  }
  Loop<Trade> loop(trade_features(), learner("logistic"), options);
  CHECK(served_by(loop, rows, 4000, 5000) == std::pair(1000, 0));
  CHECK(verdicts(loop).size() == 1);
}

TEST_CASE("Of a canary that is shown to be as good the host hears, and it goes on serving its share", "[loop][canary]") {
  const auto rows = trades(8000);
  Loop<Trade> loop(trade_features(), learner("majority"), with_canary("logistic"));
  run(loop, rows, 0, 7000);
  const auto made = verdicts(loop);
  REQUIRE(made.size() == 1);
  CHECK(made[0].kind == LoopEvent::Kind::passed);
  CHECK(made[0].detector.find("promoted: loss ") == 0);
  CHECK(loop.counters().rolled_back == 0);
  CHECK(served_by(loop, rows, 7000, 8000).second > 150);
}

TEST_CASE("A canary is judged by labels of one age, from where its watch began", "[loop][canary]") {
  // The truth of a quarter is 1, told at once; the rest is never told. The canary says 0.9 of all: best while only positives have come.
  const auto rows = trades(8000);
  LoopOptions options = with_canary("majority", {.margin = 0.05, .most_labels = 5000});
  options.challengers[0].learner = learner("no_change");
  options.negative_after = std::chrono::seconds(1000);
  Loop<Trade> loop(trade_features(), learner("majority"), options);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    loop.predict(i, rows[i]);
    if (i % 4 == 0) loop.label(i, 1.0F);
    loop.work();
    if (i == 999) CHECK(verdicts(loop).empty());  // nothing is old enough
  }
  const auto made = verdicts(loop);
  REQUIRE(made.size() == 1);
  CHECK(made[0].kind == LoopEvent::Kind::rolled_back);  // it repeats the last label: 1 long after each positive

  // A shadow that becomes a canary, equal to the champion: what was served before is not held against either.
  const TemporaryFolder folder;
  LoopOptions shadow = with_canary("majority");
  shadow.challengers[0].canary.reset();
  shadow.challengers[0].weight = 0.0;
  shadow.negative_after = std::chrono::seconds(1000);
  shadow.state = folder.path();
  {
    Loop<Trade> before(trade_features(), learner("majority"), shadow);
    for (std::size_t i = 0; i < 1500; ++i) {
      before.predict(i, rows[i]);
      if (i % 4 == 0) before.label(i, 1.0F);
      before.work();
    }
    before.stop();
  }
  shadow.challengers[0].weight = 0.1;
  shadow.challengers[0].canary = Canary::Options{.margin = 0.05};
  Loop<Trade> after(trade_features(), learner("majority"), shadow);
  for (std::size_t i = 1500; i < rows.size(); ++i) {
    after.predict(i, rows[i]);
    if (i % 4 == 0) after.label(i, 1.0F);
    after.work();
  }
  for (const LoopEvent& event : verdicts(after)) CHECK(event.kind == LoopEvent::Kind::passed);
}

TEST_CASE("Of two canaries one that was rolled back stays so when the rule of the other changes", "[loop][canary]") {
  const auto rows = trades(4000);
  const TemporaryFolder folder;
  LoopOptions options = with_canary("majority");
  options.challengers.push_back({.name = "other", .learner = learner("logistic"), .weight = 0.2, .canary = Canary::Options{}});
  options.state = folder.path();
  {
    Loop<Trade> loop(trade_features(), learner("logistic"), options);
    run(loop, rows, 0, 3000);
    REQUIRE(loop.counters().rolled_back == 1);
    loop.stop();
  }
  options.challengers[1].canary->margin = 0.1;
  Loop<Trade> loop(trade_features(), learner("logistic"), options);
  for (std::size_t i = 3000; i < 4000; ++i) REQUIRE(loop.predict(i, rows[i]).arm != 1);
}

TEST_CASE("A canary about which nothing is shown in time does not stay", "[loop][canary]") {
  const auto rows = trades(4000);
  Loop<Trade> loop(trade_features(), learner("logistic"),
                   with_canary("logistic", {.margin = 0.0001, .least_labels = 10, .most_labels = 300}));
  run(loop, rows, 0, 3000);
  const auto made = verdicts(loop);
  REQUIRE(made.size() == 1);
  CHECK(made[0].kind == LoopEvent::Kind::rolled_back);
  CHECK(made[0].detector.find("undecided after 300 labels") == 0);
  CHECK(served_by(loop, rows, 3000, 4000) == std::pair(1000, 0));
}

TEST_CASE("A canary serves a share beside a champion, by a rule that is one", "[loop][canary][config]") {
  const auto with = [](double weight, Canary::Options rule) {
    LoopOptions options;
    options.challengers = {{.name = "next", .learner = learner("logistic"), .weight = weight, .canary = rule}};
    return Loop<Trade>(trade_features(), learner("logistic"), options).counters().events;
  };
  CHECK_THROWS_WITH(with(0.0, {}), "LoopOptions: challenger \"next\" weight is 0, must be above 0, as it is a canary");
  CHECK_THROWS_WITH(with(1.0, {}),
                    "LoopOptions: challengers' weights is 1, must be below 1 together, as canaries need a champion beside them");
  CHECK_THROWS_WITH(with(0.1, {.alpha = 0.0}), "Canary: alpha is 0, must be in (0, 0.5]");
}
