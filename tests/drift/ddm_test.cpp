#include "rtml/drift/ddm.hpp"

#include <limits>
#include <vector>

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Ddm;
using rtml::drift::Rules;
using rtml::testing::alarms_on;
using rtml::testing::bernoulli_with_jump;

static_assert(rtml::ChangeDetector<Ddm>);

TEST_CASE("Ddm keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(Ddm(), bernoulli_with_jump(3, 1500, 800, 0.1, 0.5));
}

TEST_CASE("Ddm with MOA's rules warns and alarms where MOA's does on 17 streams", "[drift][reference]") {
  for (const auto& reference : rtml::testing::stream_references()) {
    CAPTURE(reference.name);
    Ddm detector({.rules = Rules::moa});
    const auto alarms = alarms_on(detector, rtml::testing::reference_stream(reference));
    CHECK(alarms.drifts == reference.ddm);
    CHECK(alarms.warnings == reference.ddm_warnings);
  }
}

TEST_CASE("Ddm sees a large rise of the error rate, and starts afresh, on every seed", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 21u));
  CAPTURE(seed);
  const auto values = bernoulli_with_jump(seed, 2000, 1000, 0.2, 0.8);
  Ddm detector({.min_samples = 300});
  const auto alarms = alarms_on(detector, values).drifts;
  REQUIRE(!alarms.empty());
  CHECK(alarms.front() >= 1000);
  CHECK(alarms.front() <= 1080);
  CHECK(detector.mean() == Approx(0.8).margin(0.06));
}

TEST_CASE("Ddm is silent while the error rate falls", "[drift]") {
  Ddm detector({.min_samples = 300});
  const auto alarms = alarms_on(detector, bernoulli_with_jump(5, 4000, 2000, 0.6, 0.1));
  CHECK(alarms.drifts.empty());
  CHECK(detector.mean() == Approx(0.35).margin(0.02));
}

TEST_CASE("Ddm with a higher level never alarms before one with a lower level", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  const auto values = bernoulli_with_jump(seed, 3000, 1500, 0.1, 0.6);
  Ddm low({.drift = 2.5});
  Ddm high({.drift = 4.0});
  const auto first = alarms_on(low, values).drifts;
  const auto later = alarms_on(high, values).drifts;
  REQUIRE(!first.empty());
  REQUIRE(!later.empty());
  CHECK(first.front() <= later.front());
}

TEST_CASE("Ddm names the option that is out of range", "[drift][config]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(rtml::is_nan(Ddm().mean()));
  CHECK_THROWS_WITH(Ddm({.warning = 0.0}), "Ddm: warning is 0, must be finite and > 0");
  CHECK_THROWS_WITH(Ddm({.warning = 3.0, .drift = 2.0}), "Ddm: drift is 2, must be finite and >= warning");
  CHECK_THROWS_WITH(Ddm({.min_samples = 1}), "Ddm: min_samples is 1, must be >= 2");
  CHECK_THROWS_AS(Ddm({.warning = nan}), rtml::ConfigError);
  CHECK_THROWS_AS(Ddm({.drift = nan}), rtml::ConfigError);
}
