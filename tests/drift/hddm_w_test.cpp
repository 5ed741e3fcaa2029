#include "rtml/drift/hddm_w.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Direction;
using rtml::drift::HddmW;
using rtml::drift::Rules;
using rtml::testing::alarms_on;
using rtml::testing::bernoulli_with_jump;

static_assert(rtml::ChangeDetector<HddmW>);

namespace {

/// The W-test with every root, a rise only.
class PlainHddmW {
 public:
  PlainHddmW(double drift, double warning, double lambda) : drift_(drift), warning_(warning), lambda_(lambda) {}

  Change update(double value) {
    add(all_, value);
    const double limit = all_.mean + std::sqrt(0.5 * all_.squares * std::log(1.0 / drift_));
    if (!cut_ || limit < limit_) {
      cut_ = true, limit_ = limit, before_ = all_, after_ = {};
      return Change::none;
    }
    add(after_, value);
    if (above(drift_)) {
      cut_ = false, all_ = {};
      return Change::drift;
    }
    return above(warning_) ? Change::warning : Change::none;
  }

 private:
  struct Average {
    bool any = false;
    double mean = 0.0, squares = 0.0;
  };

  void add(Average& average, double value) const {
    const double kept = 1.0 - lambda_;
    average = average.any ? Average{true, lambda_ * value + kept * average.mean, lambda_ * lambda_ + kept * kept * average.squares}
                          : Average{true, value, 1.0};
  }

  bool above(double delta) const {
    return after_.mean - before_.mean > std::sqrt(0.5 * (before_.squares + after_.squares) * std::log(1.0 / delta));
  }

  double drift_, warning_, lambda_;
  bool cut_ = false;
  double limit_ = 0.0;
  Average all_, before_, after_;
};

}  // namespace

TEST_CASE("HddmW keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(HddmW(), bernoulli_with_jump(3, 1500, 800, 0.1, 0.6));
  rtml::testing::check_detector(HddmW({.direction = Direction::fall}), bernoulli_with_jump(3, 1500, 800, 0.9, 0.2));
  rtml::testing::check_detector(HddmW({.rules = Rules::moa}), rtml::testing::gaussian_with_jump(3, 1500, 800, 1.0));
}

TEST_CASE("HddmW alarms and warns as the W-test does with every root", "[drift][reference]") {
  const auto seed = GENERATE(range(1u, 31u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  for (const bool coins : {true, false}) {
    PlainHddmW plain(0.01, 0.05, 0.1);
    HddmW detector({.drift = 0.01, .warning = 0.05, .lambda = 0.1, .direction = Direction::rise});
    for (std::size_t i = 0; i < 4000; ++i) {
      CAPTURE(coins, i);
      const double level = 0.5 + 0.4 * std::sin(static_cast<double>(i) / 300.0);
      const double u = rng.uniform();
      const double value = coins ? (u < level ? 1.0 : 0.0) : level * u;
      REQUIRE(detector.update(value) == plain.update(value));
    }
  }
}

TEST_CASE("HddmW sees a rise and a fall soon on every seed, and where the change began", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 21u));
  CAPTURE(seed);
  for (const bool rise : {true, false}) {
    const auto values = bernoulli_with_jump(seed, 1500, 1000, rise ? 0.1 : 0.9, rise ? 0.9 : 0.1);
    HddmW detector({.direction = rise ? Direction::rise : Direction::fall});
    HddmW blind({.direction = rise ? Direction::fall : Direction::rise});
    std::size_t found = 0;
    for (std::size_t i = 0; i < values.size() && found == 0; ++i) {
      const bool drift = detector.update(values[i]) == Change::drift;
      if (drift && i >= 1000) found = i;
    }
    REQUIRE(found >= 1000);
    CHECK(found <= 1030);
    CHECK(static_cast<double>(found + 1 - detector.drift_age()) == Approx(1000.0).margin(25.0));
    CHECK(alarms_on(blind, values).drifts.empty());
  }
}

TEST_CASE("HddmW told of right predictions tells a fall where it told a rise of wrong ones", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  auto values = bernoulli_with_jump(seed, 4000, 2000, 0.2, 0.6);
  HddmW rise({.direction = Direction::rise});
  HddmW fall({.direction = Direction::fall});
  const auto alarms = alarms_on(rise, values).drifts;
  for (double& value : values) value = 1.0 - value;
  CHECK(!alarms.empty());
  CHECK(alarms_on(fall, values).drifts == alarms);
}

TEST_CASE("HddmW's mean of a long stretch of zeros becomes 0, and no subnormal number", "[drift]") {
  HddmW detector({.direction = Direction::rise});
  detector.update(1.0);
  for (int i = 0; i < 20'000; ++i) detector.update(0.0);
  CHECK(detector.mean() == 0.0);
}

TEST_CASE("HddmW names the option that is out of range", "[drift][config]") {
  CHECK(rtml::is_nan(HddmW().mean()));
  CHECK_THROWS_WITH(HddmW({.drift = 1.0}), "HddmW: drift is 1, must be in (0, 1)");
  CHECK_THROWS_WITH(HddmW({.drift = 0.1, .warning = 0.05}), "HddmW: warning is 0.05, must be in [drift, 1)");
  CHECK_THROWS_WITH(HddmW({.lambda = 1.0}), "HddmW: lambda is 1, must be in (0, 1)");
  CHECK_THROWS_WITH(HddmW({.direction = Direction::fall, .rules = Rules::moa}),
                    "HddmW: direction is \"fall\", must be rise or both with rules=moa");
  CHECK_THROWS_AS(HddmW({.lambda = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
}
