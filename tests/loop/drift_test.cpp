#include <algorithm>
#include <string>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/drift/signals.hpp"
#include "rtml/loop.hpp"
#include "rtml/monitor/report.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using rtml::LogisticRegression;
using rtml::Loop;
using rtml::LoopEvent;
using rtml::monitor::FeatureDrift;
using rtml::monitor::Incident;

namespace {

rtml::FeatureSet<Trade> plain_features() {
  return rtml::feature_set<Trade>("plain", &Trade::at, rtml::numeric("size", &Trade::size), rtml::numeric("spread", &Trade::spread));
}

/// From `at` on every spread is higher by one and a half of its deviation, and so is the share of good trades.
std::vector<Trade> spreads_that_move(std::size_t n, std::size_t at) {
  auto rows = trades(n, 4);
  for (std::size_t i = at; i < n; ++i) {
    rows[i].spread += 1.5;
    rows[i].good = rows[i].spread + 0.01 * (rows[i].size - 150.0) > 0.0 ? 1.0F : 0.0F;
  }
  return rows;
}

const FeatureDrift& named(const rtml::monitor::Report& report, const std::string& name) {
  for (const auto& feature : report.features)
    if (feature.name == name) return feature;
  FAIL("no feature " << name);
  return report.features.front();
}

const Incident& incident_of(const rtml::monitor::Report& report, const std::string& what) {
  for (const Incident& incident : report.incidents.incidents())
    if (incident.what == what) return incident;
  FAIL("no incident of " << what);
  return report.incidents.incidents().front();
}

}  // namespace

TEST_CASE("A loop tells which features moved, and that predictions and labels did, within one budget", "[loop][drift]") {
  rtml::LoopOptions options;
  std::vector<std::string> told;
  options.on_event = [&](const LoopEvent& event) {
    if (event.kind == LoopEvent::Kind::drift && event.detector == "moved") told.push_back(event.what);
  };
  options.retrain.online = false;  // a model that learns moves its predictions by itself
  options.retrain.warmup = 300;
  Loop<Trade> loop(plain_features(), LogisticRegression{}, options);
  const auto rows = spreads_that_move(10'000, 7000);
  run(loop, rows, 0, 7000);
  CHECK(told.empty());
  const auto calm = loop.report();
  REQUIRE(calm.features.size() == 4);
  CHECK(calm.features[2].kind == FeatureDrift::Kind::prediction);
  CHECK(calm.features[3].kind == FeatureDrift::Kind::label);
  CHECK(calm.history.windows() == 4);
  CHECK(calm.history.effects.size() == 4 * 4);
  CHECK(calm.drift.false_alarms_per_row == 1e-6);
  CHECK(calm.drift.reference_rows == 2000);

  run(loop, rows, 7000, 10'000);
  const auto moved = loop.report();
  CHECK(std::count(told.begin(), told.end(), "size") == 0);
  for (const char* name : {"spread", "prediction", "label"}) {
    CAPTURE(name);
    CHECK(std::count(told.begin(), told.end(), name) == 1);
    const FeatureDrift& feature = named(moved, name);
    CHECK(feature.alarmed);
    CHECK(feature.effect > 0.2);
    CHECK(feature.adjusted_p < 1e-9);
  }
  REQUIRE(named(moved, "spread").change.has_value());
  CHECK(*named(moved, "spread").change >= 6000);
  CHECK(*named(moved, "spread").change <= 7600);
  CHECK_FALSE(named(moved, "size").alarmed);
  CHECK(named(moved, "spread").edges.size() == named(moved, "spread").reference.size() + 1);
  CHECK(named(moved, "label").categories.size() == 3);
  CHECK(named(moved, "label").categories[1] == "1");
}

TEST_CASE("A loop keeps what was done about each drift, and what came of it a window of labels later", "[loop][drift]") {
  rtml::LoopOptions options;
  options.metric_window = 500;
  options.retrain = {
      .when = rtml::drift::alarms() > 0.0, .start = rtml::Start::warm, .on = rtml::Data::recent(std::size_t{500}), .cooldown = 500};
  const TemporaryFolder folder;
  options.state = folder.path();
  const auto rows = spreads_that_move(9000, 7000);
  {
    Loop<Trade> loop(plain_features(), LogisticRegression{}, options);
    run(loop, rows, 0, 7800);
    const auto report = loop.report();
    const Incident& first = incident_of(report, "spread");
    CHECK(first.detector == "moved");
    CHECK(first.metric == "accuracy");
    CHECK(first.before > 0.5);
    CHECK(first.action == Incident::Action::retrain);
    CHECK(first.trigger.find("alarms") == 0);
    CHECK(first.action_event >= first.event);
    CHECK(rtml::is_nan(first.after));
    loop.checkpoint();
  }
  Loop<Trade> loop(plain_features(), LogisticRegression{}, options);
  REQUIRE(loop.resume_offset() == 7800);
  run(loop, rows, 7800, 9000);
  const auto report = loop.report();
  CHECK(incident_of(report, "spread").after > 0.5);
}

TEST_CASE("A loop that retrains more often than a reference takes goes on looking for drift", "[loop][drift]") {
  rtml::LoopOptions options;
  std::vector<std::string> told;
  options.on_event = [&](const LoopEvent& event) {
    if (event.kind == LoopEvent::Kind::drift && event.detector == "moved") told.push_back(event.what);
  };
  options.retrain = {.when = rtml::every(500), .start = rtml::Start::warm, .on = rtml::Data::recent(std::size_t{200})};
  Loop<Trade> loop(plain_features(), LogisticRegression{}, options);
  run(loop, spreads_that_move(6000, 3000), 0, 6000);
  CHECK(std::count(told.begin(), told.end(), "spread") >= 1);
  CHECK(loop.counters().retrainings == 12);
}

TEST_CASE("After a retraining labels are compared with what they are now", "[loop][drift]") {
  rtml::LoopOptions options;
  std::vector<std::uint64_t> told;
  options.on_event = [&](const LoopEvent& event) {
    if (event.kind == LoopEvent::Kind::drift && event.what == "label") told.push_back(event.event);
  };
  options.retrain = {.when = rtml::every(8000), .start = rtml::Start::warm, .on = rtml::Data::recent(std::size_t{200})};
  auto rows = trades(16'000, 6);
  rtml::Rng rng(2);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].good = rng.uniform() < (i < 5000 ? 0.1 : (i < 12'500 ? 0.4 : 0.8)) ? 1.0F : 0.0F;
  Loop<Trade> loop(plain_features(), LogisticRegression{}, options);
  run(loop, rows, 0, rows.size());
  REQUIRE(told.size() == 2);
  CHECK(told[0] < 7000);
  CHECK(told[1] > 12'500);
  CHECK(told[1] < 14'500);
}
