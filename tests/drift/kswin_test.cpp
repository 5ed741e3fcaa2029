#include "rtml/drift/kswin.hpp"

#include <limits>
#include <span>
#include <vector>

#include "rtml/drift/ks.hpp"

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Kswin;
using rtml::testing::alarms_on;
using rtml::testing::gaussian_with_jump;

static_assert(rtml::ChangeDetector<Kswin>);

TEST_CASE("Kswin keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(Kswin(), gaussian_with_jump(3, 600, 300, 3.0));
  rtml::testing::check_detector(Kswin({.alpha = 1e-4, .window = 60, .recent = 20}), gaussian_with_jump(4, 600, 300, 3.0));
}

// A window of two halves leaves nothing to draw.
TEST_CASE("Kswin alarms where the exact p-value of the two halves of its window is at most alpha, ties or not", "[drift][reference]") {
  const auto seed = GENERATE(range(1u, 11u));
  const bool ties = GENERATE(false, true);
  CAPTURE(seed, ties);
  const std::size_t half = 20;
  auto values = gaussian_with_jump(seed, 800, 400, 1.5);
  if (ties)
    for (double& value : values) value = static_cast<double>(static_cast<int>(2.0 * value));
  Kswin detector({.alpha = 0.05, .window = 2 * half, .recent = half});
  std::vector<double> window;
  std::size_t alarms = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    window.push_back(values[i]);
    if (window.size() > 2 * half) window.erase(window.begin());
    bool expected = false;
    if (window.size() == 2 * half) {
      const std::span<const double> all(window);
      expected = rtml::drift::ks(all.first(half), all.last(half)).p_value <= 0.05;
    }
    REQUIRE((detector.update(values[i]) == Change::drift) == expected);
    if (!expected) continue;
    ++alarms;
    window.erase(window.begin(), window.begin() + half);
  }
  CHECK(alarms > 0);
}

TEST_CASE("Kswin draws its sample from the older values only, so that a jump shows as soon as enough are recent", "[drift]") {
  Kswin detector;
  std::vector<double> values(500, 0.0);
  values.resize(600, 1.0);
  CHECK(alarms_on(detector, values).drifts == std::vector<std::size_t>{513});  // 14 of 30
  CHECK(detector.drift_age() == 30);
}

TEST_CASE("Kswin sees a change of the variance alone", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  auto values = rtml::testing::gaussian(seed, 2000);
  for (std::size_t i = 1000; i < values.size(); ++i) values[i] *= 20.0;
  Kswin detector({.alpha = 1e-4, .window = 400, .recent = 100});
  std::size_t found = 0;
  const auto alarms = alarms_on(detector, values).drifts;
  for (const std::size_t at : alarms)
    if (at >= 1000 && at < 1120) ++found;
  CHECK(found >= 1);
}

TEST_CASE("Kswin of one seed is one detector, of another seed another", "[drift]") {
  const auto values = rtml::testing::gaussian(5, 20000);
  Kswin one({.seed = 1});
  Kswin same({.seed = 1});
  Kswin other({.seed = 2});
  const auto alarms = alarms_on(one, values).drifts;
  CHECK(alarms_on(same, values).drifts == alarms);
  CHECK(alarms_on(other, values).drifts != alarms);
}

TEST_CASE("Kswin names the option that is out of range", "[drift][config]") {
  CHECK_THROWS_WITH(Kswin({.alpha = 0.0}), "Kswin: alpha is 0, must be in (0, 1)");
  CHECK_THROWS_WITH(Kswin({.recent = 0}), "Kswin: recent is 0, must be in [1, 1000]");
  CHECK_THROWS_WITH(Kswin({.window = 59}), "Kswin: window is 59, must be in [2 recent, 1e6]");
  CHECK_THROWS_AS(Kswin({.alpha = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
}
