#include "rtml/stats/fading_mean.hpp"

#include <cmath>
#include <limits>

#include "rtml/core/concepts.hpp"

#include "support/archive_laws.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using rtml::stats::FadingMean;

static_assert(rtml::Checkpointable<FadingMean> && rtml::Sized<FadingMean>);

TEST_CASE("FadingMean weighs each value by the factor to the power of its age", "[stats]") {
  FadingMean fading(0.5);
  for (const double value : {1.0, 2.0, 5.0}) fading.update(value);
  CHECK(fading.mean() == (0.25 * 1.0 + 0.5 * 2.0 + 5.0) / 1.75);
  CHECK(fading.weight() == 1.75);
}

TEST_CASE("FadingMean with factor 1 is the plain mean", "[stats]") {
  FadingMean plain(1.0);
  for (int i = 1; i <= 9; ++i) plain.update(i);
  CHECK(plain.mean() == 5.0);
  CHECK(plain.weight() == 9.0);
}

TEST_CASE("FadingMean follows a jump, the faster the smaller its factor", "[stats][property]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  FadingMean fast(0.9);
  FadingMean slow(0.999);
  for (const double value : rtml::testing::gaussian_with_jump(seed, 2200, 2000, 10.0)) {
    fast.update(value);
    slow.update(value);
  }
  CHECK(fast.mean() == Approx(10.0).margin(1.2));
  CHECK(slow.mean() < 3.0);
  CHECK(slow.mean() > 1.0);
}

TEST_CASE("FadingMean leaves out what is not finite, and is NaN when empty", "[stats]") {
  FadingMean fading;
  CHECK(rtml::is_nan(fading.mean()));
  fading.update(std::numeric_limits<double>::quiet_NaN());
  fading.update(-std::numeric_limits<double>::infinity());
  CHECK(rtml::is_nan(fading.mean()));
  fading.update(2.0);
  CHECK(fading.mean() == 2.0);
  fading.reset();
  CHECK(rtml::is_nan(fading.mean()));
}

TEST_CASE("FadingMean names its factor when it is out of range", "[stats][config]") {
  CHECK_THROWS_WITH(FadingMean(0.0), "FadingMean: factor is 0, must be in (0, 1]");
  CHECK_THROWS_WITH(FadingMean(1.5), "FadingMean: factor is 1.5, must be in (0, 1]");
  CHECK_THROWS_AS(FadingMean(std::numeric_limits<double>::quiet_NaN()), rtml::ConfigError);
}

TEST_CASE("FadingMean keeps the laws of an archive", "[stats][laws]") {
  FadingMean fading(0.99);
  for (const double value : rtml::testing::gaussian(5, 50)) fading.update(value);
  rtml::testing::check_archive(fading, FadingMean(), [](FadingMean& read) { read.update(1.0); });
}
