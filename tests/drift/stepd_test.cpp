#include "rtml/drift/stepd.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Direction;
using rtml::drift::Rules;
using rtml::drift::Stepd;
using rtml::testing::alarms_on;
using rtml::testing::bernoulli_with_jump;

static_assert(rtml::ChangeDetector<Stepd>);

TEST_CASE("Stepd keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(Stepd(), bernoulli_with_jump(3, 1500, 800, 0.1, 0.6));
  rtml::testing::check_detector(Stepd({.rules = Rules::moa}), bernoulli_with_jump(3, 1500, 800, 0.1, 0.6));
}

TEST_CASE("Stepd alarms and warns at the p-values of the test of two proportions", "[drift][reference]") {
  const auto seed = GENERATE(range(1u, 16u));
  CAPTURE(seed);
  const auto values = bernoulli_with_jump(seed, 4000, 2000, 0.2, 0.35);
  Stepd detector;
  std::vector<double> since;
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    since.push_back(values[i]);
    Change expected = Change::none;
    if (since.size() >= 60) {
      const auto cut = since.end() - 30;
      const auto n = static_cast<double>(since.size() - 30);
      const double older = std::accumulate(since.begin(), cut, 0.0);
      const double recent = std::accumulate(cut, since.end(), 0.0);
      const double rate = (older + recent) / (n + 30.0);
      const double both = 1.0 / n + 1.0 / 30.0;
      const double z = (std::abs(older / n - recent / 30.0) - 0.5 * both) / std::sqrt(rate * (1.0 - rate) * both);
      const double p = z > 0.0 ? std::erfc(z / std::sqrt(2.0)) : 1.0;  // two-sided
      expected = p < 0.003 ? Change::drift : p < 0.05 ? Change::warning : Change::none;
    }
    REQUIRE(detector.update(values[i]) == expected);
    if (expected == Change::drift) since.clear();
  }
}

TEST_CASE("Stepd says nothing while every prediction is right, or every one wrong", "[drift]") {
  for (const auto rules : {Rules::paper, Rules::moa}) {
    for (const double value : {0.0, 1.0}) {
      Stepd detector({.rules = rules});
      const auto alarms = alarms_on(detector, std::vector<double>(1000, value));
      CHECK(alarms.drifts.empty());
      CHECK(alarms.warnings == 0);
    }
  }
}

TEST_CASE("Stepd takes no difference that is within its correction for an alarm", "[drift]") {
  std::vector<double> values(2000, 0.0);
  values[5] = 1.0;
  Stepd detector;
  CHECK(alarms_on(detector, values).drifts.empty());
}

TEST_CASE("Stepd tells a rise and a fall apart on every seed", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  for (const bool rises : {true, false}) {
    const auto values = bernoulli_with_jump(seed, 1200, 1000, rises ? 0.1 : 0.9, rises ? 0.9 : 0.1);
    Stepd told({.drift = 1e-6, .warning = 1e-5, .direction = rises ? Direction::rise : Direction::fall});
    Stepd silent({.drift = 1e-6, .warning = 1e-5, .direction = rises ? Direction::fall : Direction::rise});
    const auto alarms = alarms_on(told, values).drifts;
    REQUIRE(alarms.size() == 1);
    CHECK(alarms.front() >= 1000);
    CHECK(alarms.front() <= 1030);
    CHECK(told.drift_age() == 30);
    CHECK(alarms_on(silent, values).drifts.empty());
  }
}

TEST_CASE("Stepd names the option that is out of range", "[drift][config]") {
  CHECK_THROWS_WITH(Stepd({.drift = 0.0}), "Stepd: drift is 0, must be in (0, 1)");
  CHECK_THROWS_WITH(Stepd({.warning = 0.001}), "Stepd: warning is 0.001, must be in [drift, 1)");
  CHECK_THROWS_WITH(Stepd({.window = 1}), "Stepd: window is 1, must be in [2, 1e6]");
  CHECK_THROWS_AS(Stepd({.drift = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
}
