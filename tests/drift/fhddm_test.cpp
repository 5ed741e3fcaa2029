#include "rtml/drift/fhddm.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Direction;
using rtml::drift::Fhddm;
using rtml::testing::alarms_on;
using rtml::testing::bernoulli_with_jump;

static_assert(rtml::ChangeDetector<Fhddm>);

TEST_CASE("Fhddm keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(Fhddm(), bernoulli_with_jump(3, 1500, 800, 0.1, 0.6));
  rtml::testing::check_detector(Fhddm({.window = 40, .direction = Direction::both}), bernoulli_with_jump(3, 1500, 800, 0.9, 0.1));
}

TEST_CASE("Fhddm alarms when a window's mean is above the lowest by more than Hoeffding's bound, summed anew", "[drift][reference]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  const std::size_t window = 50;
  const double delta = 0.01;
  const double bound = std::sqrt(std::log(1.0 / delta) / (2.0 * window));
  Fhddm detector({.delta = delta, .window = window});
  std::vector<double> since;
  double lowest = 2.0;
  for (std::size_t i = 0; i < 3000; ++i) {
    CAPTURE(i);
    since.push_back(rng.uniform() * (0.6 + 0.4 * std::sin(static_cast<double>(i) / 100.0)));
    bool expected = false;
    if (since.size() >= window) {
      double sum = 0.0;
      for (std::size_t k = since.size() - window; k < since.size(); ++k) sum += since[k];
      lowest = std::min(lowest, sum / window);
      expected = sum / window - lowest > bound;
    }
    REQUIRE((detector.update(since.back()) == Change::drift) == expected);
    if (!expected) continue;
    since.clear();
    lowest = 2.0;
  }
}

TEST_CASE("Fhddm judges no window that is not full", "[drift]") {
  Fhddm detector;
  std::vector<double> values(99, 0.0);
  values.resize(199, 1.0);
  const auto alarms = alarms_on(detector, values).drifts;
  REQUIRE(!alarms.empty());
  CHECK(alarms.front() == 126);  // the 100th value is the first error: the lowest mean is 0.01, and the bound 0.263
  CHECK(detector.drift_age() == 27);
}

TEST_CASE("Fhddm tells a fall when asked, and no sum of its drifts with the length of the stream", "[drift]") {
  Fhddm rise;
  Fhddm fall({.direction = Direction::fall});
  const auto values = bernoulli_with_jump(4, 3000, 1500, 0.9, 0.2);
  CHECK(alarms_on(rise, values).drifts.empty());
  CHECK(alarms_on(fall, values).drifts.size() == 1);
  Fhddm constant;
  for (int i = 0; i < 100'000; ++i) constant.update(0.1);
  CHECK(constant.mean() == Approx(0.1).margin(1e-9));
}

TEST_CASE("Fhddm alarms with the shortest window that it takes, when all of it changes", "[drift]") {
  Fhddm detector({.window = 7});
  std::vector<double> values(50, 0.0);
  values.resize(60, 1.0);
  CHECK(alarms_on(detector, values).drifts == std::vector<std::size_t>{56});
}

TEST_CASE("Fhddm names the option that is out of range", "[drift][config]") {
  CHECK(rtml::is_nan(Fhddm().mean()));
  CHECK_THROWS_WITH(Fhddm({.delta = 0.0}), "Fhddm: delta is 0, must be in (0, 1)");
  CHECK_THROWS_WITH(Fhddm({.window = 0}), "Fhddm: window is 0, must be in [1, 1e6]");
  CHECK_THROWS_WITH(Fhddm({.window = 6}), "Fhddm: window is 6, must be at least 7, or delta larger: none would alarm");
  CHECK_THROWS_AS(Fhddm({.delta = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
}
