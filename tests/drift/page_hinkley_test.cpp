#include "rtml/drift/page_hinkley.hpp"

#include <limits>
#include <vector>

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Direction;
using rtml::drift::PageHinkley;
using rtml::drift::Rules;
using rtml::testing::alarms_on;
using rtml::testing::gaussian_with_jump;

static_assert(rtml::ChangeDetector<PageHinkley>);

TEST_CASE("PageHinkley keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(PageHinkley(), gaussian_with_jump(3, 900, 400, 2.0));
  rtml::testing::check_detector(PageHinkley({.direction = Direction::fall}), gaussian_with_jump(3, 900, 400, -2.0));
  rtml::testing::check_detector(PageHinkley({.rules = Rules::moa}), gaussian_with_jump(3, 900, 400, 2.0));
}

TEST_CASE("PageHinkley alarms where river's does, and with MOA's rules where MOA's does, on 17 streams", "[drift][reference]") {
  for (const auto& reference : rtml::testing::stream_references()) {
    CAPTURE(reference.name);
    const auto values = rtml::testing::reference_stream(reference);
    PageHinkley both;
    PageHinkley rise({.direction = Direction::rise});
    PageHinkley moa({.rules = Rules::moa});
    CHECK(alarms_on(both, values).drifts == reference.page_hinkley_both);
    CHECK(alarms_on(rise, values).drifts == reference.page_hinkley_rise);
    CHECK(alarms_on(moa, values).drifts == reference.page_hinkley_moa);
  }
}

TEST_CASE("PageHinkley alarms shortly after the mean moves, up or down, on every seed", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 26u));
  CAPTURE(seed);
  for (const double jump : {3.0, -3.0}) {
    PageHinkley detector({.delta = 0.5, .threshold = 25.0});
    const auto alarms = alarms_on(detector, gaussian_with_jump(seed, 2000, 1000, jump)).drifts;
    REQUIRE(!alarms.empty());
    CHECK(alarms.front() >= 1000);
    CHECK(alarms.front() <= 1030);
    CHECK(detector.mean() == Approx(jump).margin(0.3));
  }
}

TEST_CASE("PageHinkley on mirrored values tells a fall where it told a rise", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  auto values = gaussian_with_jump(seed, 2000, 1000, 1.0);
  PageHinkley rise({.threshold = 20.0, .direction = Direction::rise});
  PageHinkley fall({.threshold = 20.0, .direction = Direction::fall});
  const auto alarms = alarms_on(rise, values).drifts;
  for (double& value : values) value = -value;
  REQUIRE(!alarms.empty());
  CHECK(alarms_on(fall, values).drifts == alarms);
}

TEST_CASE("PageHinkley ignores where zero is: adding a constant moves no alarm", "[drift][metamorphic]") {
  auto values = gaussian_with_jump(7, 2000, 1000, 3.0);
  PageHinkley detector({.delta = 0.5, .threshold = 25.0});
  PageHinkley shifted = detector;
  const auto alarms = alarms_on(detector, values).drifts;
  for (double& value : values) value += 1024.0;
  CHECK(alarms_on(shifted, values).drifts == alarms);
}

TEST_CASE("PageHinkley judges nothing before min_samples", "[drift]") {
  PageHinkley detector({.threshold = 1.0, .min_samples = 200});
  const auto alarms = alarms_on(detector, gaussian_with_jump(7, 400, 20, 5.0)).drifts;
  REQUIRE(!alarms.empty());
  CHECK(alarms.front() == 199);
}

TEST_CASE("PageHinkley names the option that is out of range", "[drift][config]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(rtml::is_nan(PageHinkley().mean()));
  CHECK_THROWS_WITH(PageHinkley({.delta = -1.0}), "PageHinkley: delta is -1, must be finite and >= 0");
  CHECK_THROWS_WITH(PageHinkley({.threshold = 0.0}), "PageHinkley: threshold is 0, must be finite and > 0");
  CHECK_THROWS_WITH(PageHinkley({.forgetting = 1.5}), "PageHinkley: forgetting is 1.5, must be in (0, 1]");
  CHECK_THROWS_WITH(PageHinkley({.direction = Direction::fall, .rules = Rules::moa}),
                    "PageHinkley: direction is \"fall\", must be rise or both with rules=moa");
  CHECK_THROWS_AS(PageHinkley({.forgetting = nan}), rtml::ConfigError);
  CHECK_THROWS_AS(PageHinkley({.delta = nan}), rtml::ConfigError);
}
