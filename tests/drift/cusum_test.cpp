#include "rtml/drift/cusum.hpp"

#include <limits>
#include <vector>

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Cusum;
using rtml::drift::Direction;
using rtml::drift::Rules;
using rtml::testing::alarms_on;
using rtml::testing::gaussian_with_jump;

static_assert(rtml::ChangeDetector<Cusum>);

TEST_CASE("Cusum keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(Cusum(), gaussian_with_jump(3, 900, 400, 2.0));
  rtml::testing::check_detector(Cusum({.direction = Direction::fall}), gaussian_with_jump(3, 900, 400, -2.0));
  rtml::testing::check_detector(Cusum({.rules = Rules::moa}), gaussian_with_jump(3, 900, 400, 2.0));
}

TEST_CASE("Cusum alarms shortly after the mean moves, up or down, and says where, on every seed", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 26u));
  CAPTURE(seed);
  for (const double jump : {3.0, -3.0}) {
    Cusum detector({.delta = 0.5, .threshold = 25.0});
    Cusum blind({.delta = 0.5, .threshold = 25.0, .direction = jump > 0.0 ? Direction::fall : Direction::rise});
    const auto values = gaussian_with_jump(seed, 1100, 1000, jump);
    const auto alarms = alarms_on(detector, values).drifts;
    REQUIRE(!alarms.empty());
    CHECK(alarms.front() >= 1000);
    CHECK(alarms.front() <= 1030);
    CHECK(static_cast<double>(alarms.back() + 1 - detector.drift_age()) == Approx(1000.0).margin(20.0));
    CHECK(alarms_on(blind, values).drifts.empty());
  }
}

TEST_CASE("Cusum on mirrored values tells a fall where it told a rise", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  auto values = gaussian_with_jump(seed, 2000, 1000, 1.0);
  Cusum rise({.threshold = 20.0, .direction = Direction::rise});
  Cusum fall({.threshold = 20.0, .direction = Direction::fall});
  const auto alarms = alarms_on(rise, values).drifts;
  for (double& value : values) value = -value;
  REQUIRE(!alarms.empty());
  CHECK(alarms_on(fall, values).drifts == alarms);
}

TEST_CASE("Cusum ignores where zero is: adding a constant moves no alarm", "[drift][metamorphic]") {
  auto values = gaussian_with_jump(7, 2000, 1000, 3.0);
  Cusum detector({.delta = 0.5, .threshold = 25.0});
  Cusum shifted = detector;
  const auto alarms = alarms_on(detector, values).drifts;
  for (double& value : values) value += 1024.0;
  CHECK(alarms_on(shifted, values).drifts == alarms);
}

TEST_CASE("Cusum judges nothing before min_samples", "[drift]") {
  Cusum detector({.threshold = 1.0, .min_samples = 200});
  const auto alarms = alarms_on(detector, gaussian_with_jump(7, 400, 20, 5.0)).drifts;
  REQUIRE(!alarms.empty());
  CHECK(alarms.front() == 199);
}

TEST_CASE("Cusum names the option that is out of range", "[drift][config]") {
  CHECK(rtml::is_nan(Cusum().mean()));
  CHECK_THROWS_WITH(Cusum({.delta = -1.0}), "Cusum: delta is -1, must be finite and >= 0");
  CHECK_THROWS_WITH(Cusum({.threshold = 0.0}), "Cusum: threshold is 0, must be finite and > 0");
  CHECK_THROWS_WITH(Cusum({.direction = Direction::fall, .rules = Rules::moa}),
                    "Cusum: direction is \"fall\", must be rise or both with rules=moa");
  CHECK_THROWS_AS(Cusum({.delta = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
}
