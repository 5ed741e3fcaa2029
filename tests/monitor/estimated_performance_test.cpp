#include "rtml/monitor/estimated_performance.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::Rng;
using rtml::monitor::Estimate;
using rtml::monitor::EstimatedPerformance;

static_assert(rtml::Checkpointable<EstimatedPerformance> && rtml::Sized<EstimatedPerformance>);

namespace {

constexpr EstimatedPerformance::Options small_windows{.window = 500, .windows = 400, .calibration = {.labels = 4096, .least = 256}};

/// A world of one input x, and a model that says P(y = 1) = 1 / (1 + exp(-x)).
struct World {
  double mean = 0.0;     // of x: covariate shift
  double offset = 0.0;   // of the true logit: concept drift
  double spread = 1.5;   // of x
  double crooked = 1.0;  // the model's logit is so many times the true one
  std::uint64_t key = 0;

  void run(EstimatedPerformance& performance, Rng& rng, int n, bool labelled) {
    for (int i = 0; i < n; ++i) {
      const double x = mean + spread * rng.normal();
      const double score = 1.0 / (1.0 + std::exp(-crooked * x));
      const bool truth = rng.uniform() < 1.0 / (1.0 + std::exp(-x - offset));
      const bool positive = score > 0.5;
      performance.predict(key, {}, static_cast<float>(score), positive);
      if (labelled) performance.label(key, static_cast<float>(score), positive, truth);
      ++key;
    }
  }

  /// The exact area under the ROC curve, by integration over x.
  double roc_auc() const {
    double area = 0.0;
    double positives = 0.0;
    double negatives = 0.0;
    for (int i = -400; i <= 400; ++i) {
      const double z = i / 50.0;
      const double p = 1.0 / (1.0 + std::exp(-mean - spread * z - offset));
      const double weight = std::exp(-0.5 * z * z);
      area += weight * p * (negatives + 0.5 * weight * (1.0 - p));
      positives += weight * p;
      negatives += weight * (1.0 - p);
    }
    return area / positives / negatives;
  }

  /// The exact accuracy, by integration over x.
  double accuracy() const {
    double sum = 0.0;
    double weights = 0.0;
    for (int i = -400; i <= 400; ++i) {
      const double z = i / 50.0;
      const double x = mean + spread * z;
      const double p = 1.0 / (1.0 + std::exp(-x - offset));
      const double weight = std::exp(-0.5 * z * z);
      sum += weight * (x > 0.0 ? p : 1.0 - p);
      weights += weight;
    }
    return sum / weights;
  }
};

bool inside(const Estimate& band, double value) { return band.low <= value && value <= band.high; }

/// Labels of a perfectly known kind: of every score s of 0, 1/8 ... 1 the share s is positive. The curve is then the score itself.
void teach_exactly(EstimatedPerformance& performance) {
  std::uint64_t key = 1'000'000;
  for (int round = 0; round < 64; ++round)
    for (int eighths = 0; eighths <= 8; ++eighths)
      performance.label(key++, static_cast<float>(eighths) / 8.0F, eighths > 4, round % 8 < eighths);
}

}  // namespace

TEST_CASE("The expected confusion matrix gives each metric, by hand", "[monitor][estimated_performance][reference]") {
  EstimatedPerformance performance({.window = 10, .windows = 4, .calibration = {.labels = 576, .least = 576}});
  teach_exactly(performance);
  REQUIRE(performance.calibrator().ready());
  const double scores[] = {0.875, 0.75, 0.625, 0.25, 0.125};
  std::uint64_t key = 0;
  for (const double score : scores) performance.predict(key++, {}, static_cast<float>(score), score > 0.5);
  const auto rolling = performance.rolling();
  CHECK(rolling.predictions == 5);
  // Expected: tp = 0.875 + 0.75 + 0.625 = 2.25, fp = 0.75, fn = 0.25 + 0.125 = 0.375, tn = 1.625.
  CHECK(rolling.estimated.accuracy.value == Approx(3.875 / 5.0).epsilon(1e-6));
  CHECK(rolling.estimated.precision.value == Approx(2.25 / 3.0).epsilon(1e-6));
  CHECK(rolling.estimated.recall.value == Approx(2.25 / 2.625).epsilon(1e-6));
  CHECK(rolling.estimated.f1.value == Approx(4.5 / (4.5 + 0.75 + 0.375)).epsilon(1e-6));
  // Pairs of a positive above a negative: sum over i before j of p_i (1 - p_j); all pairs of two: sum over i != j.
  double above = 0.0;
  double pairs = 0.0;
  for (int i = 0; i < 5; ++i)
    for (int j = 0; j < 5; ++j) {
      if (i == j) continue;
      pairs += scores[i] * (1.0 - scores[j]);
      if (i < j) above += scores[i] * (1.0 - scores[j]);
    }
  CHECK(rolling.estimated.roc_auc.value == Approx(above / pairs).epsilon(1e-6));
  // Variance of the accuracy: of the labels, sum p (1 - p) / n^2, and of the calibrator, each block of 64 labels once.
  double variance = 0.0;
  for (const double p : scores) {
    const double smoothed = (p * 64.0 + 0.5) / 65.0;
    variance += (p * (1.0 - p) + smoothed * (1.0 - smoothed) / 64.0) / 25.0;
  }
  const double half = 1.959963984540054 * std::sqrt(variance);
  CHECK(rolling.estimated.accuracy.low == Approx(3.875 / 5.0 - half).epsilon(1e-6));
  CHECK(rolling.estimated.accuracy.high == 1.0);
}

TEST_CASE("Of a calibrated model the estimate is the truth, and its band holds the realised value",
          "[monitor][estimated_performance][property]") {
  EstimatedPerformance performance(small_windows);
  World world;
  Rng rng(11);
  world.run(performance, rng, 4500, true);
  world.run(performance, rng, 300 * 500, true);
  const auto windows = performance.windows();
  REQUIRE(windows.size() == 309);
  int judged = 0;
  int accurate = 0;
  int precise = 0;
  int recalled = 0;
  int f1 = 0;
  int ranked = 0;
  double auc = 0.0;
  double sum = 0.0;
  for (const auto& window : windows) {
    if (!window.estimated.accuracy.known()) continue;
    CHECK(window.labelled == 500);
    ++judged;
    accurate += inside(window.estimated.accuracy, window.realised.accuracy.value) ? 1 : 0;
    precise += inside(window.estimated.precision, window.realised.precision.value) ? 1 : 0;
    recalled += inside(window.estimated.recall, window.realised.recall.value) ? 1 : 0;
    f1 += inside(window.estimated.f1, window.realised.f1.value) ? 1 : 0;
    ranked += inside(window.estimated.roc_auc, world.roc_auc()) ? 1 : 0;
    auc += window.estimated.roc_auc.value;
    sum += window.estimated.accuracy.value;
  }
  REQUIRE(judged >= 300);
  CHECK(sum / judged == Approx(world.accuracy()).margin(0.004));
  for (const int covered : {accurate, precise, recalled, f1}) {
    CHECK(covered >= judged * 93 / 100);
    CHECK(covered <= judged * 995 / 1000);
  }
  CHECK(auc / judged == Approx(world.roc_auc()).margin(0.004));
  CHECK(ranked >= judged * 93 / 100);
}

TEST_CASE("Under covariate shift the estimate follows without a label, even of scores that are not calibrated",
          "[monitor][estimated_performance][property]") {
  for (const double crooked : {1.0, 2.5}) {
    EstimatedPerformance performance(small_windows);
    World world{.crooked = crooked};
    Rng rng(5);
    world.run(performance, rng, 5000, true);
    CHECK(performance.calibrator().corrects() == (crooked != 1.0));
    const double before = world.accuracy();
    for (const double mean : {2.0, 0.0}) {
      world.mean = mean;
      world.spread = mean == 0.0 ? 0.4 : 1.0;
      world.run(performance, rng, 500, false);
      const auto window = performance.windows().back();
      CAPTURE(crooked, mean, world.accuracy());
      CHECK(window.labelled == 0);
      CHECK(std::fabs(world.accuracy() - before) > 0.05);  // there is something to follow
      CHECK(window.estimated.accuracy.value == Approx(world.accuracy()).margin(0.025));
      CHECK(rtml::is_nan(window.realised.accuracy.value));
    }
  }
}

TEST_CASE("Concept drift is not seen without labels, which is documented, and shows once they come", "[monitor][estimated_performance]") {
  EstimatedPerformance performance(small_windows);
  World world;
  Rng rng(6);
  world.run(performance, rng, 5000, true);
  const double before = world.accuracy();
  world.offset = 2.0;
  const double after = world.accuracy();
  REQUIRE(before - after > 0.09);
  world.run(performance, rng, 500, false);
  CHECK(performance.windows().back().estimated.accuracy.value == Approx(before).margin(0.03));  // and not `after`
  world.run(performance, rng, 500, true);
  const auto parted = performance.windows().back();
  CHECK(parted.realised.accuracy.high < parted.estimated.accuracy.low);
  world.run(performance, rng, 8000, true);  // the calibrator knows the new world
  const auto windows = performance.windows();
  double mean = 0.0;
  for (std::size_t i = windows.size() - 6; i < windows.size(); ++i) mean += windows[i].estimated.accuracy.value / 6.0;
  CHECK(mean == Approx(after).margin(0.025));
}

TEST_CASE("A late label is counted where its prediction was, as long as that window is kept", "[monitor][estimated_performance]") {
  EstimatedPerformance performance({.window = 10, .windows = 3, .calibration = {.labels = 64, .least = 64}});
  for (std::uint64_t key = 0; key < 45; ++key) performance.predict(2 * key, {}, 0.9F, true);
  const auto label = [&](std::uint64_t key, bool truth) { performance.label(2 * key, 0.9F, true, truth); };
  label(2, true);    // window 0 is gone
  label(12, true);   // window 1
  label(13, false);  // window 1
  label(38, true);   // window 3, and among the last 10 predictions
  label(41, false);  // the open one
  const auto windows = performance.windows();
  REQUIRE(windows.size() == 3);
  CHECK(windows[0].first == 20);
  CHECK(windows[0].last == 38);
  CHECK(windows[0].labelled == 2);
  CHECK(windows[0].realised.accuracy.value == 0.5);
  CHECK(windows[1].labelled == 0);
  CHECK(windows[2].labelled == 1);
  const auto rolling = performance.rolling();
  CHECK(rolling.first == 70);
  CHECK(rolling.labelled == 2);
  CHECK(rolling.realised.precision.value == 0.5);
  for (std::uint64_t key = 45; key < 50; ++key) performance.predict(2 * key, {}, 0.9F, true);
  CHECK(performance.windows().back().labelled == 1);  // 41, from before the window closed
  CHECK(performance.calibrator().count() == 5);
}

TEST_CASE("A truth that was 1 after all replaces the 0 that was counted", "[monitor][estimated_performance]") {
  EstimatedPerformance performance({.window = 10, .windows = 3, .calibration = {.labels = 64, .least = 64}});
  for (std::uint64_t key = 0; key < 15; ++key) performance.predict(key, {}, 0.9F, true);
  for (const std::uint64_t key : {3U, 4U, 12U}) performance.label(key, 0.9F, true, false);
  performance.correct(4, 0.9F, true);   // in a past window
  performance.correct(12, 0.9F, true);  // in the open one
  const auto window = performance.windows().back();
  CHECK(window.labelled == 2);
  CHECK(window.realised.precision.value == 0.5);
  for (std::uint64_t key = 15; key < 20; ++key) performance.predict(key, {}, 0.9F, true);
  CHECK(performance.windows().back().labelled == 1);
  CHECK(performance.windows().back().realised.precision.value == 1.0);
}

TEST_CASE("Estimated performance refuses keys that do not rise, scores that are none, and options out of range",
          "[monitor][estimated_performance][bad_input]") {
  EstimatedPerformance performance;
  CHECK(performance.rolling().predictions == 0);
  performance.predict(5, {}, 0.5F, true);
  performance.predict(5, {}, 0.5F, true);
  performance.predict(4, {}, 0.5F, true);
  performance.predict(6, {}, std::numeric_limits<float>::quiet_NaN(), true);
  CHECK(performance.count() == 1);
  CHECK(performance.refused() == 3);
  CHECK(rtml::is_nan(performance.rolling().estimated.accuracy.value));  // nothing is claimed before there are labels
  CHECK_THROWS_WITH(EstimatedPerformance({.window = 9}), "EstimatedPerformance: window is 9, must be in [10, 1000000]");
  CHECK_THROWS_WITH(EstimatedPerformance({.windows = 0}), "EstimatedPerformance: windows is 0, must be in [1, 4096]");
  CHECK_THROWS_WITH(EstimatedPerformance({.confidence = 1.0}), "EstimatedPerformance: confidence is 1, must be in (0, 1)");
}

TEST_CASE("Estimated performance lasts, goes on as before, and allocates nothing", "[monitor][estimated_performance][archive]") {
  const EstimatedPerformance::Options options{.window = 40, .windows = 5, .calibration = {.labels = 128, .least = 64}};
  EstimatedPerformance performance(options);
  World world;
  Rng rng(3);
  const std::size_t bytes = performance.memory_bytes();
  EstimatedPerformance copy = performance;
  World other = world;
  Rng same_draws = rng;
  const rtml::testing::AllocationCounter counter;
  world.run(performance, rng, 330, true);
  other.run(copy, same_draws, 330, true);
  CHECK(counter.count() == 0);
  CHECK(rtml::save(copy) == rtml::save(performance));
  CHECK(performance.memory_bytes() == bytes);
  EstimatedPerformance loaded(options);
  rtml::load(loaded, rtml::save(performance));
  World same = world;
  Rng draws = rng;
  world.run(performance, rng, 200, true);
  same.run(loaded, draws, 200, true);
  CHECK(rtml::save(loaded) == rtml::save(performance));
  rtml::testing::check_archive(performance, EstimatedPerformance(options), [](EstimatedPerformance& read) {
    static_cast<void>(read.rolling());
    static_cast<void>(read.windows());
    for (std::uint64_t i = 0; i < 50; ++i) read.predict(~std::uint64_t{0} - 50 + i, {}, 0.4F, false);
    read.label(~std::uint64_t{0} - 20, 0.4F, false, true);
  });
}
