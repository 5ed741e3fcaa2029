#include "rtml/drift/rddm.hpp"

#include <limits>
#include <vector>

#include "rtml/drift/ddm.hpp"

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Rddm;
using rtml::drift::Rules;
using rtml::testing::alarms_on;
using rtml::testing::bernoulli_with_jump;

static_assert(rtml::ChangeDetector<Rddm>);

TEST_CASE("Rddm keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(Rddm({.longest = 600, .stable = 200}), bernoulli_with_jump(3, 1500, 800, 0.1, 0.5));
  rtml::testing::check_detector(Rddm({.longest = 600, .stable = 200, .rules = Rules::moa}), bernoulli_with_jump(3, 1500, 800, 0.1, 0.5));
}

TEST_CASE("Rddm alarms sooner than Ddm after a long stable concept", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 6u));
  CAPTURE(seed);
  const auto values = bernoulli_with_jump(seed, 62000, 60000, 0.1, 0.3);
  const auto first_after = [&values](auto detector) {
    for (const std::size_t at : alarms_on(detector, values).drifts)
      if (at >= 60000) return at;
    return values.size();
  };
  CHECK(first_after(Rddm()) < 60300);
  CHECK(first_after(rtml::drift::Ddm()) > 60300);
}

TEST_CASE("Rddm keeps what came since the warning, and nothing older", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  const auto values = bernoulli_with_jump(seed, 1400, 1000, 0.1, 0.9);
  Rddm detector({.min_samples = 300});
  bool alarmed = false;
  for (std::size_t i = 0; i < values.size() && !alarmed; ++i) {
    alarmed = detector.update(values[i]) == Change::drift && i >= 1000;
    if (!alarmed) continue;
    double errors = 0.0;
    for (std::size_t k = 0; k < detector.drift_age(); ++k) errors += values[i - k];
    CHECK(detector.mean() == Approx(errors / static_cast<double>(detector.drift_age())));
  }
  CHECK(alarmed);
}

TEST_CASE("Rddm takes a warning that lasts for an alarm", "[drift]") {
  // A rate just inside the warning zone, held there.
  const auto values = bernoulli_with_jump(2, 20000, 2000, 0.2, 0.235);
  Rddm patient({.drift = 1000.0, .patience = 1'000'000});
  Rddm impatient({.drift = 1000.0, .patience = 100});
  CHECK(alarms_on(patient, values).drifts.empty());
  CHECK(!alarms_on(impatient, values).drifts.empty());
}

TEST_CASE("Rddm dates an alarm of its patience back to where the warning began", "[drift]") {
  const auto values = bernoulli_with_jump(2, 20000, 2000, 0.2, 0.235);
  Rddm detector({.drift = 1000.0, .patience = 100});
  std::size_t warned = 0;
  std::size_t alarms = 0;
  for (const double value : values) {
    const Change change = detector.update(value);
    if (change == Change::drift) {
      ++alarms;
      CHECK(detector.drift_age() == 101);
      CHECK(detector.drift_age() == warned + 1);
    }
    warned = change == Change::warning ? warned + 1 : 0;
  }
  CHECK(alarms > 0);
}

TEST_CASE("Rddm names the option that is out of range", "[drift][config]") {
  CHECK(rtml::is_nan(Rddm().mean()));
  CHECK_THROWS_WITH(Rddm({.warning = 0.0}), "Rddm: warning is 0, must be finite and > 0");
  CHECK_THROWS_WITH(Rddm({.drift = 1.0}), "Rddm: drift is 1, must be finite and >= warning");
  CHECK_THROWS_WITH(Rddm({.min_samples = 1}), "Rddm: min_samples is 1, must be >= 2");
  CHECK_THROWS_WITH(Rddm({.stable = 0}), "Rddm: stable is 0, must be in [1, 1e6]");
  CHECK_THROWS_WITH(Rddm({.longest = 7000}), "Rddm: longest is 7000, must be > stable");
  CHECK_THROWS_WITH(Rddm({.patience = 0}), "Rddm: patience is 0, must be >= 1");
  CHECK_THROWS_AS(Rddm({.drift = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
}
