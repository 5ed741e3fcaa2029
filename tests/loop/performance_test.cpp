#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "loop/support.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/learn/make_learner.hpp"
#include "support/catch.hpp"

using namespace loop_test;

namespace {

/// Predicts row by row; the label of a row comes `delay` rows later, said to be known then.
void run_delayed(rtml::Loop<Trade>& loop, const std::vector<Trade>& rows, std::size_t from, std::size_t to, std::size_t delay) {
  for (std::size_t i = from; i < to; ++i) {
    loop.predict(i, rows[i]);
    if (i >= delay) {
      const rtml::Label label{.id = rtml::EventId(i - delay), .y = rows[i - delay].good, .at = rows[i].at};
      loop.label(label);
    }
    loop.work();
  }
}

rtml::LoopOptions with_segments() {
  return {.segment = rtml::segment_by(&Trade::trader), .segments = {.most = 64, .window = 4000, .least = 40}};
}

std::vector<std::byte> all_of(const rtml::Loop<Trade>& loop) {
  rtml::Writer writer;
  writer(loop.decisions(), loop.estimated_performance(), loop.label_coverage(), loop.feature_importance(), loop.segments());
  return writer.take();
}

}  // namespace

TEST_CASE("A loop knows which predictions have labels, and how long those took", "[loop][performance]") {
  const auto rows = trades(3000);
  rtml::Loop<Trade> loop(trade_features(), rtml::LogisticRegression{}, {.pending = 1024});
  run_delayed(loop, rows, 0, rows.size(), 100);
  const auto coverage = loop.label_coverage();
  CHECK(coverage.predictions() == 3000);
  CHECK(coverage.labelled() == 2900);
  CHECK(coverage.delay(0.5) == 100.0);
  CHECK(coverage.cohorts().front().share() == 1.0);
  CHECK(coverage.cohorts().back().share() == 0.0);
  CHECK(coverage.cohorts().size() == 64);
  CHECK(coverage.cohorts().front().predictions == 16);  // 64 cohorts over what waits
  CHECK(coverage.overdue(rows.back().at) == 0);
  CHECK(coverage.overdue(rows.back().at + rtml::days(1)) == 100);
}

TEST_CASE("A loop estimates how good it is before labels come, beside what they say", "[loop][performance]") {
  const auto rows = trades(9000, 2);
  rtml::Loop<Trade> loop(trade_features(), rtml::LogisticRegression{}, {});
  run_delayed(loop, rows, 0, 200, 0);
  CHECK(rtml::is_nan(loop.estimated_performance().rolling().estimated.accuracy.value));
  run_delayed(loop, rows, 200, 8000, 0);
  for (std::size_t i = 8000; i < 9000; ++i) loop.predict(i, rows[i]);  // a thousand that nobody labels
  loop.work();
  const auto unlabelled = loop.estimated_performance().rolling();
  CHECK(unlabelled.labelled == 0);
  CHECK(unlabelled.predictions == 1000);
  for (std::size_t i = 8000; i < 9000; ++i) loop.label(i, rows[i].good);
  loop.work();
  const auto labelled = loop.estimated_performance().rolling();
  CHECK(labelled.labelled == 1000);
  CHECK(labelled.realised.accuracy.value > 0.75);
  CHECK(unlabelled.estimated.accuracy.low < labelled.realised.accuracy.value);
  CHECK(unlabelled.estimated.accuracy.high > labelled.realised.accuracy.value);
  CHECK(unlabelled.estimated.accuracy.value == Approx(labelled.realised.accuracy.value).margin(0.03));
  CHECK(unlabelled.estimated.f1.value == Approx(labelled.realised.f1.value).margin(0.03));
  CHECK(unlabelled.estimated.roc_auc.value == Approx(labelled.realised.roc_auc.value).margin(0.03));
  const auto decisions = loop.decisions();
  CHECK(decisions.accuracy() == Approx(metric(loop, "accuracy", 0, true)));
  CHECK(decisions.weight() == 1000.0);
  CHECK(decisions.accuracy_interval().low < decisions.accuracy());
}

TEST_CASE("A regression has no decisions to estimate, but labels that come late", "[loop][performance]") {
  auto rows = trades(600, 3);
  for (Trade& row : rows) row.good = static_cast<float>(row.spread);
  rtml::Loop<Trade> loop(trade_features(), rtml::LinearRegression{}, with_segments());
  run_delayed(loop, rows, 0, rows.size(), 10);
  CHECK(loop.estimated_performance().count() == 0);
  CHECK(rtml::is_nan(loop.decisions().accuracy()));
  CHECK(loop.label_coverage().labelled() == 590);
}

TEST_CASE("A loop tells which part of the stream errs more than the rest", "[loop][performance][segments]") {
  auto rows = trades(13'000, 4);
  rtml::Rng rng(1);
  for (Trade& row : rows) {
    row.trader = rng.below(12);
    if (row.trader == 7 && rng.uniform() < 0.8) row.good = rng.uniform() < 0.5 ? 1.0F : 0.0F;  // nobody can tell this one's
  }
  rtml::Loop<Trade> loop(trade_features(), rtml::LogisticRegression{}, with_segments());
  run_delayed(loop, rows, 0, rows.size(), 5);
  const auto segments = loop.segments();
  CHECK(segments.windows() == 3);
  const auto judged = segments.judged();
  REQUIRE(judged.size() == 12);
  CHECK(judged[0].name == "7");
  CHECK(judged[0].flagged);
  CHECK(judged[0].metric.low > 0.25);
  CHECK(segments.flagged() == 1);

  const rtml::monitor::Report report = loop.report();
  REQUIRE(report.segments.size() == 12);
  CHECK(report.segments[0].name == "7");
  CHECK(report.performance.metric == "accuracy");
  REQUIRE(report.performance.windows.size() == 12);
  CHECK(report.performance.windows.back().labelled == 1000);
  CHECK(report.performance.windows.back().estimated.known());
  CHECK(report.performance.windows.back().realised.known());
  REQUIRE(report.performance.delays.size() == 3);
  CHECK(report.performance.delays[0].delay == std::chrono::seconds(5));
  std::uint64_t rows_by_age = 0;
  for (const auto& row : report.performance.coverage) rows_by_age += row.rows;
  CHECK(rows_by_age == 13'000);
  CHECK(report.performance.coverage.size() == 5);  // 13 cohorts: 1, 1, 2, 4 and the rest
  CHECK(report.features[0].importance == loop.feature_importance().shares()[0]);
}

TEST_CASE("A rule about another type of event is refused", "[loop][performance][bad_input]") {
  struct Other {
    std::string country;
  };
  rtml::LoopOptions options;
  options.segment = rtml::segment_by(&Other::country);
  CHECK(options.segment.of(Other{"NO"}).view() == "NO");
  CHECK_THROWS_AS(rtml::Loop<Trade>(trade_features(), rtml::LogisticRegression{}, options), rtml::ConfigError);
  options.segment = rtml::segment_by<Trade>([](const Trade& trade) { return trade.size > 150.0 ? "large" : "small"; });
  CHECK(options.segment.of(Trade{.at = {}, .size = 200.0}).view() == "large");
  CHECK_NOTHROW(rtml::Loop<Trade>(trade_features(), rtml::LogisticRegression{}, options));
  CHECK_THROWS_AS(rtml::Loop<Trade>(trade_features(), rtml::LogisticRegression{}, {.estimate = {.window = 1}}), rtml::ConfigError);
  CHECK_THROWS_AS(rtml::Loop<Trade>(trade_features(), rtml::LogisticRegression{}, {.label_due = rtml::Duration(-1)}), rtml::ConfigError);
}

TEST_CASE("A linear learner says what each feature does to its score; naive Bayes does not, and nothing is made up",
          "[loop][performance]") {
  const auto rows = trades(4000, 5);
  rtml::Loop<Trade> linear(trade_features(), rtml::LogisticRegression{}, {});
  run_delayed(linear, rows, 0, rows.size(), 0);
  const auto importance = linear.feature_importance();
  CHECK(importance.count() == 4000 / 16);
  REQUIRE(importance.columns() == linear.schema().dense_size());
  const std::vector<double> shares = importance.shares();
  double sum = importance.hashed_share();
  for (std::size_t column = 0; column < importance.columns(); ++column) {
    const std::string& name = linear.schema().dense(column).name;
    if (name == "spread") CHECK(shares[column] > 0.4);  // it makes most of the label
    if (name == "volume") CHECK(shares[column] < 0.2);
    sum += shares[column];
  }
  CHECK(sum == Approx(1.0));
  rtml::Loop<Trade> bayes(trade_features(), rtml::make_learner("naive_bayes", rtml::Task::binary, 2), {});
  run_delayed(bayes, rows, 0, 400, 0);
  CHECK(bayes.feature_importance().count() == 0);
  CHECK(rtml::is_nan(bayes.feature_importance().shares()[0]));
  rtml::Loop<Trade> never(trade_features(), rtml::LogisticRegression{}, {.explain_every = 0});
  run_delayed(never, rows, 0, 100, 0);
  CHECK(never.feature_importance().count() == 0);
}

TEST_CASE("What a loop knows of its performance goes on after a resume as without one", "[loop][performance][state]") {
  const auto rows = trades(6000, 6);
  const TemporaryFolder folder;
  auto options = with_segments();
  options.segments.window = 1000;
  rtml::Loop<Trade> whole(trade_features(), rtml::LogisticRegression{}, options);
  run_delayed(whole, rows, 0, 6000, 50);
  options.state = folder.path();
  {
    rtml::Loop<Trade> first(trade_features(), rtml::LogisticRegression{}, options);
    run_delayed(first, rows, 0, 3500, 50);
    first.checkpoint();
  }
  rtml::Loop<Trade> second(trade_features(), rtml::LogisticRegression{}, options);
  REQUIRE(second.resumed());
  run_delayed(second, rows, 3500, 6000, 50);
  CHECK(all_of(second) == all_of(whole));
  CHECK(second.segments().windows() == 5);
}

TEST_CASE("Segments may be asked for, or no more, when a loop goes on: labels of what was served before have none",
          "[loop][performance][state]") {
  const auto rows = trades(2500, 7);
  const TemporaryFolder folder;
  auto options = with_segments();
  options.segments.window = 500;
  for (const bool segmented : {false, true, false, true}) {
    options.segment = segmented ? rtml::segment_by(&Trade::trader) : rtml::EventSegment();
    options.state = folder.path();
    rtml::Loop<Trade> loop(trade_features(), rtml::LogisticRegression{}, options);
    const std::size_t from = loop.resume_offset();
    run_delayed(loop, rows, from, from + 600, 50);
    CHECK(loop.counters().labels_unknown == 0);
    CHECK(loop.segments().windows() == (segmented ? 1 : 0));
    loop.checkpoint();
  }
}
