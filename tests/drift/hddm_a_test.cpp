#include "rtml/drift/hddm_a.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Direction;
using rtml::drift::HddmA;
using rtml::drift::Rules;
using rtml::testing::alarms_on;
using rtml::testing::bernoulli_with_jump;

static_assert(rtml::ChangeDetector<HddmA>);

namespace {

/// The A-test with every root and division, a rise only.
class PlainHddmA {
 public:
  PlainHddmA(double drift, double warning) : drift_(drift), warning_(warning) {}

  Change update(double value) {
    n_ += 1.0, total_ += value;
    const auto limit = [this](double n, double total) { return total / n + std::sqrt(std::log(1.0 / drift_) / (2.0 * n)); };
    if (cut_n_ == 0.0 || limit(cut_n_, cut_total_) >= limit(n_, total_)) cut_n_ = n_, cut_total_ = total_;
    if (above(drift_)) {
      n_ = total_ = cut_n_ = 0.0;
      return Change::drift;
    }
    return above(warning_) ? Change::warning : Change::none;
  }

 private:
  bool above(double delta) const {
    if (cut_n_ == n_) return false;
    return total_ / n_ - cut_total_ / cut_n_ >= std::sqrt((n_ - cut_n_) / (2.0 * n_ * cut_n_) * std::log(2.0 / delta));
  }

  double drift_, warning_;
  double n_ = 0.0, total_ = 0.0, cut_n_ = 0.0, cut_total_ = 0.0;
};

}  // namespace

TEST_CASE("HddmA keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(HddmA(), bernoulli_with_jump(3, 1500, 800, 0.1, 0.5));
  rtml::testing::check_detector(HddmA({.direction = Direction::fall}), bernoulli_with_jump(3, 1500, 800, 0.5, 0.1));
  rtml::testing::check_detector(HddmA({.rules = Rules::moa}), rtml::testing::gaussian_with_jump(3, 1500, 800, 1.0));
}

TEST_CASE("HddmA alarms and warns as the A-test does with every root and division", "[drift][reference]") {
  const auto seed = GENERATE(range(1u, 31u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  for (const bool coins : {true, false}) {
    PlainHddmA plain(0.02, 0.1);
    HddmA detector({.drift = 0.02, .warning = 0.1, .direction = Direction::rise});
    for (std::size_t i = 0; i < 4000; ++i) {
      CAPTURE(coins, i);
      const double level = 0.5 + 0.3 * std::sin(static_cast<double>(i) / 300.0);
      const double u = rng.uniform();
      const double value = coins ? (u < level ? 1.0 : 0.0) : level * u;
      REQUIRE(detector.update(value) == plain.update(value));
    }
  }
}

TEST_CASE("HddmA sees a rise and a fall soon on every seed, and where the change began", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 21u));
  CAPTURE(seed);
  for (const bool rise : {true, false}) {
    const auto values = bernoulli_with_jump(seed, 1500, 1000, rise ? 0.1 : 0.8, rise ? 0.8 : 0.1);
    HddmA detector({.direction = rise ? Direction::rise : Direction::fall});
    HddmA blind({.direction = rise ? Direction::fall : Direction::rise});
    const auto alarms = alarms_on(detector, values).drifts;
    REQUIRE(!alarms.empty());
    CHECK(alarms.back() >= 1000);
    CHECK(alarms.back() <= 1080);
    CHECK(alarms_on(blind, values).drifts.empty());
    const auto begin = static_cast<double>(alarms.back() + 1 - detector.drift_age());
    CHECK(begin == Approx(1000.0).margin(60.0));
  }
}

TEST_CASE("HddmA told of right predictions tells a fall where it told a rise of wrong ones", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  auto values = bernoulli_with_jump(seed, 4000, 2000, 0.2, 0.4);
  HddmA rise({.direction = Direction::rise});
  HddmA fall({.direction = Direction::fall});
  const auto alarms = alarms_on(rise, values);
  for (double& value : values) value = 1.0 - value;
  const auto mirrored = alarms_on(fall, values);
  CHECK(mirrored.drifts == alarms.drifts);
  CHECK(mirrored.warnings == alarms.warnings);
}

TEST_CASE("HddmA names the option that is out of range", "[drift][config]") {
  CHECK(rtml::is_nan(HddmA().mean()));
  CHECK_THROWS_WITH(HddmA({.drift = 0.0}), "HddmA: drift is 0, must be in (0, 1)");
  CHECK_THROWS_WITH(HddmA({.drift = 0.1, .warning = 0.05}), "HddmA: warning is 0.05, must be in [drift, 1)");
  CHECK_THROWS_WITH(HddmA({.direction = Direction::fall, .rules = Rules::moa}),
                    "HddmA: direction is \"fall\", must be rise or both with rules=moa");
  CHECK_THROWS_AS(HddmA({.drift = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
}
