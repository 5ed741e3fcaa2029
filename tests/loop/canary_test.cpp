// A challenger on a small share of the requests, which is rolled back or promoted by itself.

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

LoopOptions with_canary(const char* name, const Canary::Options& rule = {.largest_loss = 2.0, .margin = 0.05, .most_labels = 5000}) {
  LoopOptions options;
  options.challengers = {{.name = "next", .learner = learner(name), .weight = 0.2, .canary = rule}};
  return options;
}

std::vector<LoopEvent> verdicts(const Loop<Trade>& loop) {
  std::vector<LoopEvent> made;
  for (LoopEvent& event : loop.events())
    if (event.kind == LoopEvent::Kind::promoted || event.kind == LoopEvent::Kind::rolled_back) made.push_back(std::move(event));
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
    CHECK(made[0].detector.find("rolled back: loss 0.6") == 0);
    CHECK(made[0].statistic < 600);
    CHECK(loop.counters().rolled_back == 1);
    CHECK(loop.counters().promotions == 0);
    CHECK(served_by(loop, rows, 3000, 4000) == std::pair(1000, 0));
    CHECK(metric(loop, "accuracy", 1) > 0.0);
    loop.stop();
  }
  Loop<Trade> loop(trade_features(), learner("logistic"), options);
  CHECK(served_by(loop, rows, 4000, 5000) == std::pair(1000, 0));
  CHECK(verdicts(loop).size() == 1);
}

TEST_CASE("A canary that is shown to be as good takes the champion's place", "[loop][canary]") {
  const auto rows = trades(8000);
  Loop<Trade> loop(trade_features(), learner("majority"), with_canary("logistic"));
  run(loop, rows, 0, 7000);
  const auto made = verdicts(loop);
  REQUIRE(made.size() == 1);
  CHECK(made[0].kind == LoopEvent::Kind::promoted);
  CHECK(made[0].detector.find("promoted: loss ") == 0);
  CHECK(loop.counters().promotions == 1);
  CHECK(served_by(loop, rows, 7000, 8000) == std::pair(1000, 0));
  CHECK(rtml::save(loop.model(0)) == rtml::save(loop.model(1)));  // which has learned the same since
  CHECK(metric(loop, "accuracy", 0, true) > 0.8);
}

TEST_CASE("A canary about which nothing is shown in time does not stay", "[loop][canary]") {
  const auto rows = trades(4000);
  Loop<Trade> loop(trade_features(), learner("logistic"),
                   with_canary("logistic", {.largest_loss = 10.0, .margin = 0.001, .least_labels = 10, .most_labels = 300}));
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
