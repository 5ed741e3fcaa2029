#include <cmath>
#include <vector>

#include "metrics/outcomes.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/metrics/binary.hpp"
#include "rtml/metrics/confusion.hpp"
#include "rtml/metrics/fading.hpp"
#include "rtml/metrics/loss.hpp"
#include "rtml/metrics/ranking.hpp"
#include "rtml/metrics/whole.hpp"
#include "rtml/metrics/windowed.hpp"
#include "support/catch.hpp"

using rtml::Outcome;
using rtml::Task;
using rtml::metrics::Accuracy;
using rtml::metrics::AveragePrecision;
using rtml::metrics::Confusion;
using rtml::metrics::F1;
using rtml::metrics::Fading;
using rtml::metrics::FalsePositiveRate;
using rtml::metrics::Kappa;
using rtml::metrics::LogLoss;
using rtml::metrics::MacroF1;
using rtml::metrics::MeanAbsoluteError;
using rtml::metrics::Precision;
using rtml::metrics::R2;
using rtml::metrics::Recall;
using rtml::metrics::RocAuc;
using rtml::metrics::RootMeanSquaredError;
using rtml::metrics::Whole;
using rtml::metrics::Windowed;

static_assert(rtml::Metric<Whole<Accuracy>> && rtml::Mergeable<Whole<Accuracy>> && rtml::Sized<Whole<RocAuc>>);
static_assert(rtml::Metric<Windowed<RocAuc>> && rtml::Metric<Windowed<R2>> && rtml::Metric<Fading<Kappa>>);

namespace {

std::vector<Outcome> labels(const std::vector<int>& truth, const std::vector<int>& said) {
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < truth.size(); ++i) outcomes.push_back(Outcome::classes(0.5F, said[i], truth[i]));
  return outcomes;
}

std::vector<Outcome> scores(const std::vector<float>& truth, const std::vector<float>& score) {
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < truth.size(); ++i) outcomes.push_back(Outcome::binary(score[i], truth[i]));
  return outcomes;
}

template <class M>
double after(M metric, const std::vector<Outcome>& outcomes) {
  for (const Outcome& outcome : outcomes) metric.update(outcome);
  return metric.value();
}

/// How often a positive scores above a negative, pair by pair.
double roc_auc_by_pairs(const std::vector<Outcome>& outcomes) {
  double wins = 0.0;
  double pairs = 0.0;
  for (const Outcome& a : outcomes)
    for (const Outcome& b : outcomes) {
      if (a.actual != 1.0F || b.actual != 0.0F) continue;
      const double weight = static_cast<double>(a.weight) * static_cast<double>(b.weight);
      pairs += weight;
      wins += weight * (a.score > b.score ? 1.0 : a.score == b.score ? 0.5 : 0.0);
    }
  return wins / pairs;
}

/// Average precision from its definition: for each positive, the precision at its own score as threshold.
double average_precision_by_thresholds(const std::vector<Outcome>& outcomes) {
  double sum = 0.0;
  double positives = 0.0;
  for (const Outcome& a : outcomes) {
    if (a.actual != 1.0F) continue;
    double right = 0.0;
    double called = 0.0;
    for (const Outcome& b : outcomes) {
      if (b.score < a.score) continue;
      called += static_cast<double>(b.weight);
      if (b.actual == 1.0F) right += static_cast<double>(b.weight);
    }
    sum += static_cast<double>(a.weight) * right / called;
    positives += static_cast<double>(a.weight);
  }
  return sum / positives;
}

}  // namespace

// The values are those of scikit-learn's own documentation examples, named at each.
TEST_CASE("metrics of labels give scikit-learn's documented values", "[metrics][reference]") {
  // cohen_kappa_score: negative = 0, positive = 1, neutral = 2
  CHECK(after(Whole<Kappa>(Kappa(3)), labels({0, 1, 0, 2, 1}, {0, 1, 0, 2, 0})) == Approx(0.6875).epsilon(1e-12));
  // f1_score(average="macro")
  CHECK(after(Whole<MacroF1>(MacroF1(3)), labels({0, 1, 2, 0, 1, 2}, {0, 2, 1, 0, 0, 1})) == Approx(0.8 / 3.0).epsilon(1e-12));
  CHECK(after(Whole<Accuracy>(), labels({0, 1, 2, 3}, {0, 2, 1, 3})) == 0.5);
}

TEST_CASE("metrics of scores give scikit-learn's documented values", "[metrics][reference]") {
  const auto four = scores({0, 0, 1, 1}, {0.1F, 0.4F, 0.35F, 0.8F});
  CHECK(after(Windowed<RocAuc>(10), four) == Approx(0.75).epsilon(1e-12));                 // roc_auc_score
  CHECK(after(Windowed<AveragePrecision>(10), four) == Approx(5.0 / 6.0).epsilon(1e-12));  // average_precision_score
  CHECK(after(Whole<RocAuc>(), four) == Approx(0.75).epsilon(1e-12));
  CHECK(after(Whole<AveragePrecision>(), four) == Approx(5.0 / 6.0).epsilon(1e-12));
  CHECK(after(Whole<LogLoss>(), scores({1, 0, 0, 1}, {0.9F, 0.1F, 0.2F, 0.65F})) == Approx(0.21616187).epsilon(1e-6));  // log_loss
  CHECK(after(Whole<LogLoss>(LogLoss(Task::classes)),
              {Outcome::classes(0.9F, 1, 1), Outcome::classes(0.9F, 0, 0), Outcome::classes(0.8F, 0, 0), Outcome::classes(0.65F, 1, 1)}) ==
        Approx(0.21616187).epsilon(1e-6));
}

TEST_CASE("metrics of numbers give scikit-learn's documented values", "[metrics][reference]") {
  const std::vector<Outcome> four{Outcome::regression(2.5F, 3.0F), Outcome::regression(0.0F, -0.5F), Outcome::regression(2.0F, 2.0F),
                                  Outcome::regression(8.0F, 7.0F)};
  CHECK(after(Whole<MeanAbsoluteError>(), four) == Approx(0.5).epsilon(1e-12));
  CHECK(after(Whole<RootMeanSquaredError>(), four) == Approx(std::sqrt(0.375)).epsilon(1e-12));
  CHECK(after(Whole<R2>(), four) == Approx(0.9486081370449679).epsilon(1e-12));
}

TEST_CASE("binary metrics read the four cells", "[metrics][reference]") {
  std::vector<Outcome> outcomes;  // tp 3, fp 2, fn 1, tn 4
  for (int i = 0; i < 10; ++i) outcomes.push_back(Outcome::binary(i < 5 ? 0.9F : 0.1F, i < 3 || i == 9 ? 1.0F : 0.0F));
  CHECK(after(Whole<Precision>(), outcomes) == 0.6);
  CHECK(after(Whole<Recall>(), outcomes) == 0.75);
  CHECK(after(Whole<F1>(), outcomes) == Approx(2.0 / 3.0).epsilon(1e-15));
  CHECK(after(Whole<FalsePositiveRate>(), outcomes) == Approx(1.0 / 3.0).epsilon(1e-15));
  CHECK(after(Whole<Accuracy>(), outcomes) == 0.7);
  CHECK(after(Whole<Kappa>(), outcomes) == Approx(0.4).epsilon(1e-12));  // (0.7 - 0.5) / (1 - 0.5)
  CHECK(after(Whole<MacroF1>(), outcomes) == Approx((2.0 / 3.0 + 8.0 / 11.0) / 2.0).epsilon(1e-12));
}

TEST_CASE("a ratio without a denominator is NaN", "[metrics]") {
  const std::vector<Outcome> zeros(5, Outcome::binary(0.1F, 0.0F));
  CHECK(rtml::is_nan(after(Whole<Precision>(), zeros)));
  CHECK(rtml::is_nan(after(Whole<Recall>(), zeros)));
  CHECK(rtml::is_nan(after(Whole<F1>(), zeros)));
  CHECK(rtml::is_nan(after(Whole<Kappa>(), zeros)));
  CHECK(rtml::is_nan(after(Whole<RocAuc>(), zeros)));
  CHECK(rtml::is_nan(after(Windowed<AveragePrecision>(3), zeros)));
  CHECK(after(Whole<FalsePositiveRate>(), zeros) == 0.0);
  CHECK(rtml::is_nan(after(Whole<R2>(), std::vector<Outcome>(3, Outcome::regression(1.0F, 2.0F)))));
}

TEST_CASE("windowed rankings are exact, ties included, on every seed", "[metrics][property]") {
  const auto seed = GENERATE(range(1u, 21u));
  const auto outcomes = rtml::testing::made_outcomes(Task::binary, seed, 300);
  CAPTURE(seed);
  CHECK(after(Windowed<RocAuc>(300), outcomes) == Approx(roc_auc_by_pairs(outcomes)).epsilon(1e-12));
  CHECK(after(Windowed<AveragePrecision>(300), outcomes) == Approx(average_precision_by_thresholds(outcomes)).epsilon(1e-12));
}

TEST_CASE("binned rankings are within their stated error, which is small where a rare class gathers near 0", "[metrics][property]") {
  const auto seed = GENERATE(range(1u, 11u));
  rtml::Rng rng(seed);
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 20'000; ++i) {
    const bool fraud = rng.uniform() < 0.02;
    const double margin = (fraud ? -4.0 : -6.0) + 1.3 * rng.normal();
    outcomes.push_back(Outcome::binary(static_cast<float>(1.0 / (1.0 + std::exp(-margin))), fraud ? 1.0F : 0.0F));
  }
  Whole<RocAuc> auc;
  Whole<AveragePrecision> precision;
  for (const Outcome& outcome : outcomes) auc.update(outcome), precision.update(outcome);
  const double auc_error = std::abs(auc.value() - after(Windowed<RocAuc>(20'000), outcomes));
  const double precision_error = std::abs(precision.value() - after(Windowed<AveragePrecision>(20'000), outcomes));
  CAPTURE(seed, auc_error, precision_error, auc.tally().error_bound(), precision.tally().error_bound());
  CHECK(auc_error <= auc.tally().error_bound());
  CHECK(auc.tally().error_bound() < 0.005);
  CHECK(auc_error < 2e-4);
  CHECK(precision_error <= precision.tally().error_bound());
  CHECK(precision_error < 0.01);
}

TEST_CASE("the bins of a ranking follow the order of the scores over all of [0, 1]", "[metrics][property]") {
  using rtml::metrics::detail::ScoreHistogram;
  std::size_t last = 0;
  bool rises_by_one = true;
  for (float score = 0.0F; score < 1.0F; score = std::nextafter(score + 0.001F * score * (1.0F - score), 2.0F)) {
    const std::size_t bin = ScoreHistogram::bin_of(score);
    rises_by_one = rises_by_one && bin >= last && (bin - last <= 1 || score > 0.9999F);  // a float near 1 skips what it cannot hold
    last = bin;
  }
  CHECK(rises_by_one);
  CHECK(ScoreHistogram::bin_of(0.5F) == ScoreHistogram::side);
  CHECK(ScoreHistogram::bin_of(1.0F) == ScoreHistogram::size - 1);
  CHECK(ScoreHistogram::bin_of(-3.0F) == 0);
  CHECK(ScoreHistogram::bin_of(7.0F) == ScoreHistogram::size - 1);
}

TEST_CASE("metrics of two halves merge to the metric of both", "[metrics][merge]") {
  const auto check = [](auto metric, Task task) {
    const auto outcomes = rtml::testing::made_outcomes(task, 9, 401);
    auto left = metric;
    auto right = metric;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      metric.update(outcomes[i]);
      (i < 150 ? left : right).update(outcomes[i]);
    }
    auto other_way = right;
    other_way.merge(left);
    left.merge(right);
    CAPTURE(metric.name);
    CHECK(left.value() == Approx(metric.value()).epsilon(1e-12));
    CHECK(other_way.value() == Approx(metric.value()).epsilon(1e-12));
    CHECK(left.count() == metric.count());
  };
  check(Whole<Accuracy>(), Task::binary);
  check(Whole<Kappa>(Kappa(4)), Task::classes);
  check(Whole<MacroF1>(MacroF1(4)), Task::classes);
  check(Whole<F1>(), Task::binary);
  check(Whole<LogLoss>(), Task::binary);
  check(Whole<RocAuc>(), Task::binary);
  check(Whole<AveragePrecision>(), Task::binary);
  check(Whole<MeanAbsoluteError>(), Task::regression);
  check(Whole<RootMeanSquaredError>(), Task::regression);
  check(Whole<R2>(), Task::regression);
}

TEST_CASE("log loss of a certain error is bounded", "[metrics]") {
  CHECK(after(Whole<LogLoss>(), scores({1}, {0.0F})) == Approx(23.0 * std::log(2.0)).epsilon(1e-12));
  CHECK(after(Whole<LogLoss>(), scores({0}, {1.0F})) == Approx(23.0 * std::log(2.0)).epsilon(1e-12));
  CHECK(after(Whole<LogLoss>(), scores({1, 0}, {1.0F, 0.0F})) == 0.0);
}

TEST_CASE("an outlier that left the window leaves no rounding behind", "[metrics]") {
  Windowed<RootMeanSquaredError> error(100);
  error.update(Outcome::regression(9e14F, -9e14F));
  for (int i = 0; i < 100; ++i) error.update(Outcome::regression(1.5F, 1.0F));
  CHECK(error.value() == 0.5);
}

TEST_CASE("R2 of labels far from zero keeps its digits", "[metrics]") {
  Whole<R2> near;
  Whole<R2> far;
  for (int i = 0; i < 1000; ++i) {
    const auto truth = static_cast<float>(i % 16);
    near.update(Outcome::regression(truth + 1.0F, truth));
    far.update(Outcome::regression(truth + 1.0F + 1e6F, truth + 1e6F));
  }
  CHECK(far.value() == Approx(near.value()).epsilon(1e-9));
}

TEST_CASE("Confusion counts who was taken for whom", "[metrics]") {
  Confusion confusion(3);
  for (const Outcome& outcome : labels({0, 1, 2, 0, 1, 2, 2}, {0, 2, 1, 0, 0, 1, 2})) confusion.update(outcome);
  CHECK(confusion.count(0, 0) == 2.0);
  CHECK(confusion.count(2, 1) == 2.0);
  CHECK(confusion.count(1, 0) == 1.0);
  CHECK(confusion.precision(0) == Approx(2.0 / 3.0));
  CHECK(confusion.recall(0) == 1.0);
  CHECK(confusion.recall(2) == Approx(1.0 / 3.0));
  CHECK(confusion.f1(2) == Approx(0.4));
  confusion.update(Outcome::classes(0.5F, 3, 0));
  confusion.update(Outcome::classes(0.5F, 0, -1));
  confusion.update({0.5F, 0.5F, 0.0F, 1.0F});
  CHECK(confusion.refused() == 3);

  Confusion restored(3);
  rtml::load(restored, rtml::save(confusion));
  restored.merge(confusion);
  CHECK(restored.count(2, 1) == 4.0);
  CHECK(restored.refused() == 6);
  Confusion other(4);
  CHECK_THROWS_AS(rtml::load(other, rtml::save(confusion)), rtml::FormatError);
  CHECK_THROWS_WITH(Confusion(1), "Confusion: classes is 1, must be in [2, 1024]");
  restored.reset();
  CHECK(restored.count(2, 1) == 0.0);
}
