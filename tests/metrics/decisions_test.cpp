#include "rtml/metrics/decisions.hpp"

#include <array>
#include <cmath>
#include <cstdint>

#include "metrics/outcomes.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/metrics/binary.hpp"
#include "rtml/metrics/fading.hpp"
#include "rtml/metrics/whole.hpp"
#include "rtml/metrics/windowed.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::metrics::Decisions;
using rtml::stats::Interval;

static_assert(rtml::metrics::Tally<Decisions>);
static_assert(rtml::Metric<rtml::metrics::Windowed<Decisions>> && rtml::Mergeable<rtml::metrics::Whole<Decisions>>);

namespace {

rtml::Outcome decided(bool predicted, bool actual, float weight = 1.0F) {
  return {predicted ? 0.9F : 0.1F, predicted ? 1.0F : 0.0F, actual ? 1.0F : 0.0F, weight};
}

Decisions counted(int tp, int fp, int fn, int tn) {
  Decisions counts;
  for (int i = 0; i < tp; ++i) counts.add(decided(true, true), 1.0);
  for (int i = 0; i < fp; ++i) counts.add(decided(true, false), 1.0);
  for (int i = 0; i < fn; ++i) counts.add(decided(false, true), 1.0);
  for (int i = 0; i < tn; ++i) counts.add(decided(false, false), 1.0);
  return counts;
}

bool covers(const Interval& interval, double value) { return interval.low <= value && value <= interval.high; }

/// How often the intervals of accuracy, precision, recall and F1 cover the truth, of samples in which there is such a rate.
std::array<double, 4> simulated_coverage(const std::array<double, 3>& tp_fp_fn, int n, int samples, std::uint64_t seed) {
  const auto [tp, fp, fn] = tp_fp_fn;
  const std::array<double, 4> truth = {1.0 - fp - fn, tp / (tp + fp), tp / (tp + fn), 2.0 * tp / (2.0 * tp + fp + fn)};
  std::array<double, 4> covered{};
  std::array<double, 4> defined{};
  rtml::Rng rng(seed);
  for (int sample = 0; sample < samples; ++sample) {
    Decisions counts;
    for (int i = 0; i < n; ++i) {
      const double u = rng.uniform();
      counts.add(decided(u < tp + fp, u < tp || (u >= tp + fp && u < tp + fp + fn)), 1.0);
    }
    const std::array<Interval, 4> intervals = {counts.accuracy_interval(), counts.precision_interval(), counts.recall_interval(),
                                               counts.f1_interval()};
    for (std::size_t metric = 0; metric < 4; ++metric) {
      if (rtml::is_nan(intervals[metric].low)) continue;
      defined[metric] += 1.0;
      covered[metric] += covers(intervals[metric], truth[metric]) ? 1.0 : 0.0;
    }
  }
  for (std::size_t metric = 0; metric < 4; ++metric) covered[metric] /= defined[metric];
  return covered;
}

}  // namespace

TEST_CASE("Decisions give the accuracy, precision, recall and F1 of the metrics of these names", "[metrics][reference]") {
  rtml::metrics::Windowed<Decisions> decisions(300);
  rtml::metrics::Windowed<rtml::metrics::Accuracy> accuracy(300);
  rtml::metrics::Windowed<rtml::metrics::Precision> precision(300);
  rtml::metrics::Windowed<rtml::metrics::Recall> recall(300);
  rtml::metrics::Windowed<rtml::metrics::F1> f1(300);
  for (const rtml::Outcome& outcome : rtml::testing::made_outcomes(rtml::Task::binary, 3, 1000)) {
    decisions.update(outcome), accuracy.update(outcome), precision.update(outcome), recall.update(outcome), f1.update(outcome);
    const Decisions counts = decisions.tally();
    CHECK(decisions.value() == accuracy.value());
    CHECK(counts.accuracy() == accuracy.value());
    CHECK((counts.precision() == precision.value() || rtml::is_nan(precision.value())));
    CHECK((counts.recall() == recall.value() || rtml::is_nan(recall.value())));
    CHECK((counts.f1() == f1.value() || rtml::is_nan(f1.value())));
  }
}

TEST_CASE("The interval of F1 is Wilson's of tp / (tp + fp + fn), mapped by 2 J / (1 + J)", "[metrics][reference]") {
  const Decisions counts = counted(20, 4, 6, 1000);
  const double z = 1.959963984540054;
  const double j = 20.0 / 30.0;
  const double centre = (j + z * z / 60.0) / (1.0 + z * z / 30.0);
  const double half = z * std::sqrt((j * (1.0 - j) + z * z / 120.0) / 30.0) / (1.0 + z * z / 30.0);
  CHECK(counts.f1() == Approx(0.8));
  CHECK(counts.f1_interval().low == Approx(2.0 * (centre - half) / (1.0 + centre - half)));
  CHECK(counts.f1_interval().high == Approx(2.0 * (centre + half) / (1.0 + centre + half)));
  CHECK(counts.precision_interval().low == rtml::stats::wilson(20, 24).low);
  CHECK(counts.recall_interval().high == rtml::stats::wilson(20, 26).high);
  CHECK(counts.accuracy_interval(0.9).low == Approx(rtml::stats::wilson(1020, 1030, 0.9).low));
}

TEST_CASE("Intervals of rolling rates cover the truth as often as they say: small samples, rare classes, near 0 and 1",
          "[metrics][property]") {
  constexpr int samples = 4000;
  struct Case {
    std::array<double, 3> tp_fp_fn;
    int n;
    double least;  // coverage; a binomial is lumpy where few draws decide
  };
  const Case cases[] = {{{0.3, 0.1, 0.1}, 400, 0.94},    {{0.3, 0.1, 0.1}, 20, 0.925},  {{0.02, 0.01, 0.02}, 1000, 0.93},
                        {{0.45, 0.01, 0.01}, 200, 0.92}, {{0.01, 0.2, 0.2}, 200, 0.92}, {{0.2, 0.2, 0.2}, 10, 0.90}};
  std::uint64_t seed = 1;
  for (const Case& one : cases) {
    const auto covered = simulated_coverage(one.tp_fp_fn, one.n, samples, seed++);
    for (std::size_t metric = 0; metric < 4; ++metric) {
      CAPTURE(one.n, one.tp_fp_fn[0], metric);
      CHECK(covered[metric] >= one.least);
      CHECK(covered[metric] <= 0.995);
    }
  }
}

TEST_CASE("A weight of all outcomes changes no interval, unequal weights make it wider, and no outcomes make none",
          "[metrics][metamorphic]") {
  Decisions plain;
  Decisions doubled;
  Decisions uneven;
  rtml::Rng rng(5);
  for (int i = 0; i < 500; ++i) {
    const bool said = rng.uniform() < 0.4;
    const bool is = rng.uniform() < (said ? 0.8 : 0.1);
    plain.add(decided(said, is), 1.0);
    doubled.add(decided(said, is), 2.0);
    uneven.add(decided(said, is), i % 10 == 0 ? 10.0 : 0.1);
  }
  CHECK(doubled.f1_interval().low == Approx(plain.f1_interval().low));
  CHECK(doubled.accuracy_interval().high == Approx(plain.accuracy_interval().high));
  CHECK(uneven.accuracy_interval().high - uneven.accuracy_interval().low >
        2.0 * (plain.accuracy_interval().high - plain.accuracy_interval().low));
  doubled.scale(0.5);
  CHECK(doubled.recall_interval().low == Approx(plain.recall_interval().low));
  CHECK(rtml::is_nan(Decisions().f1_interval().low));
  CHECK(rtml::is_nan(Decisions().accuracy()));
  CHECK(rtml::is_nan(counted(0, 0, 0, 9).precision_interval().high));
  CHECK(counted(0, 0, 0, 9).accuracy_interval().high == 1.0);
}

TEST_CASE("Rolling decisions last, and allocate nothing", "[metrics][archive]") {
  rtml::metrics::Windowed<Decisions> decisions(100);
  const auto outcomes = rtml::testing::made_outcomes(rtml::Task::binary, 8, 250);
  const rtml::testing::AllocationCounter counter;
  for (const rtml::Outcome& outcome : outcomes) decisions.update(outcome);
  static_cast<void>(decisions.tally().f1_interval());
  CHECK(counter.count() == 0);
  rtml::testing::check_archive(decisions, rtml::metrics::Windowed<Decisions>(100));
}
