#include "rtml/monitor/calibrator.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::Rng;
using rtml::monitor::Calibrator;

static_assert(rtml::Checkpointable<Calibrator> && rtml::Sized<Calibrator>);

namespace {

/// Scores over [0, 1] whose positives come with the chance truth(score).
template <class Truth>
Calibrator taught(Truth truth, std::uint64_t seed, int labels = 4096) {
  Calibrator calibrator;
  Rng rng(seed);
  for (int i = 0; i < labels; ++i) {
    const double score = rng.uniform();
    calibrator.update(static_cast<float>(score), rng.uniform() < truth(score));
  }
  return calibrator;
}

double mean_distance(const Calibrator& calibrator, double (*truth)(double)) {
  double sum = 0.0;
  for (int i = 0; i < 1000; ++i) {
    const double score = (i + 0.5) / 1000.0;
    sum += std::fabs(calibrator.probability(static_cast<float>(score)) - truth(score));
  }
  return sum / 1000.0;
}

double squared(double score) { return score * score; }
double itself(double score) { return score; }

}  // namespace

TEST_CASE("Adjacent violators are pooled to their mean, by hand", "[monitor][calibrator][reference]") {
  Calibrator calibrator({.labels = 64, .least = 64});
  // Positives of 16 each: 4, 8, 4, 16. The second and third pool to 12 of 32.
  const float scores[] = {0.1F, 0.3F, 0.6F, 0.9F};
  const int positives[] = {4, 8, 4, 16};
  for (int i = 0; i < 16; ++i)
    for (int s = 0; s < 4; ++s) calibrator.update(scores[s], i < positives[s]);
  REQUIRE(calibrator.ready());
  REQUIRE(calibrator.blocks().size() == 3);
  CHECK(calibrator.blocks()[0].probability == 0.25);
  CHECK(calibrator.blocks()[1].probability == 0.375);
  CHECK(calibrator.blocks()[2].probability == 1.0);
  CHECK(calibrator.blocks()[1].labels == Approx(32.0));
  CHECK(calibrator.block_of(0.3F) == 1);
  CHECK(calibrator.block_of(0.6F) == 1);
  CHECK(calibrator.block_of(0.0F) == 0);
  CHECK(calibrator.block_of(1.0F) == 2);
  CHECK(calibrator.blocks()[2].variance() == Approx((16.5 / 17.0) * (0.5 / 17.0) / 16.0));
}

TEST_CASE("A calibrator straightens scores that are off, and leaves those that are right", "[monitor][calibrator][property]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Calibrator crooked = taught(squared, seed);
    CHECK(crooked.corrects());
    CHECK(mean_distance(crooked, squared) < 0.03);
    const Calibrator straight = taught(itself, seed);
    CHECK_FALSE(straight.corrects());
    CHECK(straight.probability(0.3F) == static_cast<double>(0.3F));
  }
  const Calibrator inverted = taught([](double score) { return 1.0 - score; }, 9);  // the best monotone curve is flat
  CHECK(inverted.corrects());
  CHECK(inverted.probability(0.1F) == Approx(0.5).margin(0.05));
  CHECK(inverted.probability(0.9F) == Approx(0.5).margin(0.05));
}

TEST_CASE("A calibrated probability rises with the score", "[monitor][calibrator][property]") {
  const Calibrator calibrator = taught([](double score) { return 0.2 + 0.5 * squared(score); }, 3, 700);
  double before = 0.0;
  std::size_t block = 0;
  for (int i = 0; i <= 10'000; ++i) {
    const float score = static_cast<float>(i) / 10'000.0F;
    CHECK(calibrator.probability(score) >= before - 1e-6);
    CHECK(calibrator.block_of(score) >= block);
    before = calibrator.probability(score);
    block = calibrator.block_of(score);
  }
}

TEST_CASE("A calibrator follows the last labels, and counts weights as so many labels", "[monitor][calibrator]") {
  Calibrator calibrator({.labels = 1024, .least = 256});
  Rng rng(4);
  const auto feed = [&](double rate, int n) {
    for (int i = 0; i < n; ++i) calibrator.update(static_cast<float>(rng.uniform()), rng.uniform() < rate);
  };
  feed(0.2, 255);
  CHECK_FALSE(calibrator.ready());
  CHECK(rtml::is_nan(calibrator.probability(0.5F)));
  CHECK(calibrator.blocks().empty());
  feed(0.2, 1000);
  CHECK(calibrator.probability(0.5F) == Approx(0.2).margin(0.06));
  feed(0.7, 1024 + 128);
  CHECK(calibrator.probability(0.5F) == Approx(0.7).margin(0.06));

  Calibrator weighted({.labels = 1024, .least = 256});  // negatives were sampled one in four
  for (int i = 0; i < 1024; ++i) {
    const bool positive = i % 3 == 0;
    weighted.update(0.5F, positive, positive ? 1.0F : 4.0F);
  }
  CHECK(weighted.probability(0.5F) == Approx(342.0 / (342.0 + 4.0 * 682.0)).margin(1e-6));
  CHECK(weighted.blocks()[0].labels < 1024.0);
}

TEST_CASE("A calibrator leaves out what is not usable, and refuses options out of range", "[monitor][calibrator][bad_input]") {
  Calibrator calibrator;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  calibrator.update(nan, true);
  calibrator.update(0.5F, true, nan);
  calibrator.update(0.5F, true, -1.0F);
  calibrator.update(0.5F, true, 0.0F);
  CHECK(calibrator.count() == 0);
  calibrator.update(-3.0F, true);
  calibrator.update(7.0F, true);
  CHECK(calibrator.count() == 2);
  CHECK_THROWS_WITH(Calibrator({.labels = 10}), "Calibrator: labels is 10, must be in [64, 2^20]");
  CHECK_THROWS_WITH(Calibrator({.labels = 100, .least = 101}), "Calibrator: least is 101, must be in [32, labels]");
}

TEST_CASE("A calibrator lasts, goes on as before, and allocates nothing", "[monitor][calibrator][archive]") {
  const Calibrator::Options options{.labels = 256, .least = 64};
  Calibrator calibrator(options);
  Rng rng(6);
  const auto feed = [&](Calibrator& to, std::uint64_t seed, int n) {
    Rng draw(seed);
    for (int i = 0; i < n; ++i) {
      const double score = draw.uniform();
      to.update(static_cast<float>(score), draw.uniform() < score * score, 0.5F + static_cast<float>(draw.uniform()));
    }
  };
  Calibrator copy = calibrator;
  const rtml::testing::AllocationCounter counter;
  feed(calibrator, 1, 700);
  feed(copy, 1, 700);
  CHECK(counter.count() == 0);
  CHECK(rtml::save(copy) == rtml::save(calibrator));
  Calibrator loaded(options);
  rtml::load(loaded, rtml::save(calibrator));
  feed(calibrator, 2, 300);
  feed(loaded, 2, 300);
  CHECK(rtml::save(loaded) == rtml::save(calibrator));
  rtml::testing::check_archive(calibrator, Calibrator(options), [](Calibrator& read) {
    for (int i = 0; i < 100; ++i) read.update(0.01F * static_cast<float>(i), i % 2 == 0);
    static_cast<void>(read.probability(0.5F));
  });
  CHECK_THROWS_AS(rtml::load(loaded, rtml::save(Calibrator())), rtml::FormatError);
}
