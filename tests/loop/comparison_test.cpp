// What one model is worth beside another: on the same rows, with the same knowledge, whatever the worker's pace.

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "rtml/loop.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using rtml::LogisticRegression;
using rtml::Loop;

namespace {

/// Rounds of `size` predictions, then their labels, then one turn of the worker.
void run_in_rounds(Loop<Trade>& loop, const std::vector<Trade>& rows, std::size_t size, bool flipping) {
  for (std::size_t begin = 0; begin < rows.size(); begin += size) {
    const bool flipped = flipping && begin / size % 2 == 1;
    for (std::size_t i = begin; i < begin + size; ++i) loop.predict(i, rows[i]);
    for (std::size_t i = begin; i < begin + size; ++i) loop.label(i, flipped ? 1.0F - rows[i].good : rows[i].good);
    loop.work();
  }
}

}  // namespace

TEST_CASE("A shadow that is the champion's twin has the champion's metrics, however late the worker comes", "[loop][property]") {
  for (const std::size_t size : {1U, 50U, 700U, 2000U}) {
    for (const bool flipping : {false, true}) {
      Loop<Trade> loop(trade_features(), LogisticRegression{}, {.challengers = {{.name = "twin", .learner = LogisticRegression{}}}});
      run_in_rounds(loop, trades(14000), size, flipping);
      CAPTURE(size, flipping);
      for (const char* name : {"accuracy", "log_loss", "roc_auc"}) CHECK(metric(loop, name, 1) == metric(loop, name, 0));
      const auto arms = loop.report().arms;
      CHECK(arms[1].labels == arms[0].labels);
      CHECK(arms[1].predictions == arms[0].predictions);
    }
  }
}

TEST_CASE("A twin stays a twin while another thread learns", "[loop][threads]") {
  const auto rows = trades(20000);
  Loop<Trade> loop(trade_features(), LogisticRegression{}, {.challengers = {{.name = "twin", .learner = LogisticRegression{}}}});
  loop.start();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    loop.predict(i, rows[i]);
    loop.label(i, rows[i].good);
  }
  loop.stop();
  const auto arms = loop.report().arms;
  CHECK(arms[1].labels <= arms[0].labels);
  CHECK(arms[1].labels > arms[0].labels / 2);
  CHECK(std::abs(metric(loop, "accuracy", 1) - metric(loop, "accuracy", 0)) < 0.02);
}

TEST_CASE("What was served before anything was learned is cold, also when the worker comes late", "[loop]") {
  const auto rows = trades(3000);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  for (std::size_t i = 0; i < 2000; ++i) loop.predict(i, rows[i]);
  for (std::size_t i = 0; i < 2000; ++i) loop.label(i, rows[i].good);
  loop.work();
  CHECK(loop.counters().labels_cold == 2000);
  for (std::size_t i = 2000; i < 3000; ++i) {
    loop.predict(i, rows[i]);
    loop.label(i, rows[i].good);
  }
  loop.work();
  CHECK(loop.counters().labels_cold == 2000);
  CHECK(loop.counters().labels == 3000);
}

TEST_CASE("Two arms are tested on how often they decide right, whatever the labels weigh", "[loop]") {
  const auto rows = trades(4000);
  const auto comparison = [&](float heavy) {
    Loop<Trade> loop(trade_features(), LogisticRegression{},
                     {.challengers = {{.name = "b", .learner = LogisticRegression{}, .weight = 0.5, .retrain = {.online = false}}},
                      .metric_window = 100});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      loop.predict(i, rows[i]);
      loop.label(i, rows[i].good, i < 2000 || i % 200 != 0 ? 1.0F : heavy);
      loop.work();
    }
    return loop.report().comparison;
  };
  CHECK(comparison(1.0F).find("p = ") != std::string::npos);
  CHECK(comparison(0.0F).find("p = ") != std::string::npos);  // as if those labels had not come
}

TEST_CASE("A label of weight 0 does nothing: the truth may still come", "[loop][input]") {
  const auto rows = trades(10);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  loop.predict(1, rows[1]);
  loop.label(1, 0.0F, 0.0F);
  loop.work();
  CHECK(loop.counters().labels == 0);
  CHECK(loop.counters().learned == 0);
  loop.label(1, 1.0F);
  loop.work();
  CHECK(loop.counters().labels == 1);
  CHECK(loop.counters().labels_repeated == 0);
  CHECK_NOTHROW(loop.report());
}

TEST_CASE("A label queue of one holds a label", "[loop]") {
  const auto rows = trades(10);
  Loop<Trade> loop(trade_features(), LogisticRegression{}, {.label_queue = 1});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    loop.predict(i, rows[i]);
    REQUIRE(loop.label(i, rows[i].good));
    loop.work();
  }
  CHECK(loop.counters().labels == 10);
  std::size_t taken = 0;
  for (int i = 0; i < 5; ++i) taken += loop.label(1, 1.0F) ? 1U : 0U;
  CHECK(taken == 2);
  CHECK(loop.counters().labels_dropped == 3);
}

TEST_CASE("Shares that sum to 1 leave the champion a shadow, however they round", "[loop]") {
  for (const std::vector<double>& shares : {std::vector{0.33, 0.56, 0.11}, {0.7, 0.2, 0.1}, {0.1, 0.2, 0.3, 0.4}}) {
    rtml::LoopOptions options;
    for (const double share : shares)
      options.challengers.push_back({.name = rtml::to_text(share), .learner = LogisticRegression{}, .weight = share});
    Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
    run(loop, trades(300), 0, 300);
    const auto champion = loop.report().arms[0];
    CHECK(champion.weight == 0.0);
    CHECK(champion.predictions == 300);
    CHECK(champion.labels > 200);
  }
}

TEST_CASE("A host's signal that throws is not known then, is counted and ends nothing", "[loop][threads]") {
  const auto broken = rtml::Signal::host("broken", []() -> double { throw std::runtime_error("the host's own"); });
  Loop<Trade> loop(trade_features(), LogisticRegression{}, {.retrain = {.when = broken > 0.5}});
  const auto rows = trades(500);
  loop.start();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    loop.predict(i, rows[i]);
    loop.label(i, rows[i].good);
  }
  loop.stop();
  CHECK(loop.counters().labels == 500);
  CHECK(loop.counters().callback_failures > 0);
  CHECK(loop.counters().retrainings == 0);
}

TEST_CASE("History without labels takes no memory that grows with it", "[loop]") {
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  const auto rows = trades(20000);
  const std::vector<float> unknown(rows.size(), std::numeric_limits<float>::quiet_NaN());
  loop.bootstrap(rows, unknown);
  const std::size_t before = loop.memory_bytes();
  for (int i = 0; i < 5; ++i) loop.bootstrap(rows, unknown);
  CHECK(loop.memory_bytes() < before + before / 10);
}
